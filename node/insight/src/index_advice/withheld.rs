//! Why nothing is advised for a demand.

use super::answer::Withheld;
use super::board::{Board, Served};
use super::catalog::Relation;
use super::choice::Choice;
use super::demand::{Other, Test};
use super::facts::Facts;
use super::need::{Asker, Need};
use crate::words::count;

/// Withholds all of several needs for one reason.
pub(super) fn all(
    facts: &Facts<'_>,
    relation: &Relation,
    needs: &[&Need],
    reason: &str,
    withheld: &mut Vec<Withheld>,
) {
    for need in needs {
        withheld.push(one(facts, relation, need, columns(need), reason.to_owned()));
    }
}

/// Withholds a need that an existing index serves.
pub(super) fn served(
    facts: &Facts<'_>,
    relation: &Relation,
    need: &Need,
    served: &Served,
    withheld: &mut Vec<Withheld>,
) {
    if matches!(need.asker, Asker::ForeignKey(_)) {
        // Nobody asked for what is as it should be.
        return;
    }
    let reason = by_index(need, served).unwrap_or_default();
    withheld.push(one(facts, relation, need, columns(need), reason));
}

/// Withholds needs that no pick helps.
pub(super) fn rest(
    facts: &Facts<'_>,
    board: &Board<'_>,
    served: &[Served],
    choice: &Choice,
    withheld: &mut Vec<Withheld>,
) {
    for (place, (need, served)) in board.needs.iter().zip(served).enumerate() {
        let helps = |costs: &Vec<f64>| costs.get(place).is_some_and(|cost| *cost < served.cost);
        if choice.picks.iter().any(|pick| helps(&pick.costs)) {
            continue;
        }
        let refused = choice
            .refused
            .iter()
            .find(|(refused, ..)| *refused == place);
        let (columns, reason) = match refused {
            Some((_, shape, reason)) => {
                let texts = shape.keys.iter().map(|key| key.key.text().to_owned());
                (texts.collect(), reason.clone())
            }
            None => (
                columns(need),
                by_index(need, served).unwrap_or_else(|| no_index(need)),
            ),
        };
        withheld.push(one(facts, board.relation, need, columns, reason));
    }
}

/// Orders, and joins what has the same table, columns and reason.
pub(super) fn tidy(withheld: &mut Vec<Withheld>) {
    withheld.sort_by(|one, other| {
        let key = |w: &Withheld| {
            (
                w.schema.clone(),
                w.relation.clone(),
                w.columns.clone(),
                w.reason.clone(),
            )
        };
        key(one).cmp(&key(other))
    });
    withheld.dedup_by(|later, first| {
        let is_same = first.schema == later.schema
            && first.relation == later.relation
            && first.columns == later.columns
            && first.reason == later.reason;
        if is_same {
            first.statements.append(&mut later.statements);
        }
        is_same
    });
    for one in withheld {
        one.statements.sort_unstable();
        one.statements.dedup();
    }
}

pub(super) fn one(
    facts: &Facts<'_>,
    relation: &Relation,
    need: &Need,
    columns: Vec<String>,
    reason: String,
) -> Withheld {
    let statement = match need.asker {
        Asker::Statement(number) => facts.workload.statements.get(number),
        Asker::ForeignKey(_) => None,
    };
    Withheld {
        schema: relation.schema.clone(),
        relation: relation.name.clone(),
        columns,
        statements: statement
            .map(|statement| statement.hash)
            .into_iter()
            .collect(),
        reason,
    }
}

/// An existing index is as good as any.
fn by_index(need: &Need, served: &Served) -> Option<String> {
    let (name, path) = served.index.as_ref()?;
    let rows = count(path.rows_read.round().max(1.0), "row", "rows");
    if need.observed.has_plan && need.observed.is_sequential {
        return Some(format!(
            "the index {name} serves this, but the plan reads the whole table: this is a matter of \
             estimates, statistics or a cast, not of an index (finding P1)"
        ));
    }
    let rewrite = need
        .terms
        .iter()
        .any(|priced| matches!(priced.term.test, Test::Period(_)));
    let rewrite = if rewrite {
        "; it is used once the condition is rewritten to a range of the column (W3)"
    } else {
        ""
    };
    Some(format!(
        "the index {name} serves this: it leaves about {rows} to read{rewrite}"
    ))
}

fn no_index(need: &Need) -> String {
    let unknown = need
        .terms
        .iter()
        .any(|priced| priced.term.test == Test::Other(Other::Contains(None)));
    if unknown {
        return "the pattern is a parameter: whether it starts with a wildcard is not known"
            .to_owned();
    }
    let usable = need.terms.iter().any(|priced| {
        let test = &priced.term.test;
        test.is_equality() || test.is_range()
    });
    if usable || !need.order.keys.is_empty() {
        return "no index would be cheaper than what is done now".to_owned();
    }
    "no condition that an index could serve".to_owned()
}

/// What an index for a need would be made of.
fn columns(need: &Need) -> Vec<String> {
    let terms = need.terms.iter().map(|priced| priced.term.key.text());
    let order = need.order.keys.iter().map(|order| order.key.text());
    let unanalysed = need.unanalysed.iter().map(String::as_str);
    let mut columns: Vec<String> = Vec::new();
    for text in terms.chain(order).chain(unanalysed) {
        if !columns.iter().any(|column| column == text) {
            columns.push(text.to_owned());
        }
    }
    columns
}

//! Advices from what was chosen, in plain words.

use std::collections::BTreeSet;

use super::answer::{Advice, Helped, Kind, Paying};
use super::board::{Board, Served};
use super::candidate::Candidate;
use super::catalog::{IndexKey, Relation};
use super::ddl;
use super::demand::{Term, Test, Value};
use super::existing::Existing;
use super::facts::Facts;
use super::gain::{Gain, helped};
use super::need::{Asker, Need};
use super::shape::{BLOCK_BYTES, Shape, ShapeKey};
use super::words;
use crate::words::{count, figure};

/// How sure an advice is with a plan, and without.
const WITH_PLAN: f64 = 0.7;
const WITHOUT_PLAN: f64 = 0.5;
/// Factor where estimates and observed rows differ by more than ten times.
const CORRECTED: f64 = 0.7;

/// Whether an advice is ranked by our costs, and counts among new indexes.
pub(super) fn is_ranked(kind: Kind) -> bool {
    matches!(kind, Kind::Create | Kind::Extend)
}

/// An advice with nothing but its place.
pub(super) fn empty(kind: Kind, relation: &Relation) -> Advice {
    Advice {
        kind,
        schema: relation.schema.clone(),
        relation: relation.name.clone(),
        index: String::new(),
        keys: Vec::new(),
        include: Vec::new(),
        predicate: None,
        statement: String::new(),
        then: Vec::new(),
        undo: None,
        size_bytes: None,
        helps: Vec::new(),
        pays: Vec::new(),
        saved_seconds_per_day: 0.0,
        write_seconds_per_day: 0.0,
        improvement_percent: None,
        confidence: WITHOUT_PLAN,
        reason: String::new(),
        evidence: Vec::new(),
    }
}

/// Statistics first.
pub(super) fn analyze(facts: &Facts<'_>, relation: &Relation, needs: &[&Need]) -> Advice {
    let mut advice = empty(Kind::Analyze, relation);
    let table = ddl::qualified(&relation.schema, &relation.name);
    advice.statement = format!("ANALYZE {table};");
    advice.confidence = 0.9;
    advice.reason = match relation.known_rows() {
        None => format!(
            "{} was never analysed: neither we nor the planner can tell what an index would save",
            relation.title()
        ),
        Some(_) => format!(
            "columns of {} that statements ask for have no statistics, or we may not read them",
            relation.title()
        ),
    };
    let columns: BTreeSet<&String> = needs.iter().flat_map(|need| &need.unanalysed).collect();
    advice.evidence = columns
        .iter()
        .map(|column| format!("no statistics of column {column}"))
        .collect();
    let seconds: f64 = needs.iter().map(|need| need.seconds).sum();
    let statements: BTreeSet<&Asker> = needs.iter().map(|need| &need.asker).collect();
    let total = facts.workload.statements.len();
    let (share, take) = match statements.len() {
        1 => (1, "takes"),
        more => (more, "take"),
    };
    advice.evidence.push(format!(
        "{share} of {} {take} about {} s a day on it",
        count(total as f64, "statement", "statements"),
        figure(seconds)
    ));
    advice
}

/// A new index.
pub(super) fn create(
    facts: &Facts<'_>,
    board: &Board<'_>,
    served: &[Served],
    picks: &[Candidate],
    pick: &Candidate,
) -> Advice {
    let relation = board.relation;
    let shape = &pick.shape;
    let replaced = replaced(board.existing, shape);
    let kind = if replaced.is_some() {
        Kind::Extend
    } else {
        Kind::Create
    };
    let mut advice = empty(kind, relation);
    advice.keys = shape
        .keys
        .iter()
        .map(|key| index_key(key, relation, facts))
        .collect();
    advice.include.clone_from(&shape.include);
    advice.predicate = predicate(&shape.predicate);
    advice.index = name(facts, relation, shape);
    advice.statement = ddl::create(
        relation,
        &ddl::Parts {
            name: &advice.index,
            method: "btree",
            keys: &advice.keys,
            include: &advice.include,
            predicate: advice.predicate.as_deref(),
        },
    );
    advice.undo = Some(ddl::drop(relation, &advice.index));
    advice.size_bytes = Some(shape.pages * BLOCK_BYTES);
    advice.write_seconds_per_day = pick.write_seconds;
    if shape.keys.iter().any(|key| key.key.expression.is_some()) {
        let table = ddl::qualified(&relation.schema, &relation.name);
        advice.then.push(format!("ANALYZE {table};"));
    }
    if let Some(old) = replaced {
        advice.then.push(ddl::drop(relation, &old.index.name));
    }
    let helped = helped(board, served, picks, pick);
    fill(&mut advice, facts, board, &helped, pick);
    advice.reason = words::reason(&advice, relation, replaced, &helped);
    advice.evidence = words::evidence(board, &helped, relation);
    advice
}

fn fill(
    advice: &mut Advice,
    facts: &Facts<'_>,
    board: &Board<'_>,
    gains: &[Gain<'_>],
    pick: &Candidate,
) {
    for gain in gains {
        let statement = match &gain.need.asker {
            Asker::Statement(number) => facts.workload.statements.get(*number),
            Asker::ForeignKey(_) => None,
        };
        let subject = match &gain.need.asker {
            Asker::ForeignKey(name) => Some(format!("triggers of the foreign key {name}")),
            Asker::Statement(_) => None,
        };
        advice.helps.push(Helped {
            hash: statement.map(|statement| statement.hash),
            subject,
            cost_before: gain.served.cost,
            cost_after: gain.after,
            saved_seconds_per_day: gain.seconds,
        });
    }
    advice.saved_seconds_per_day = gains.iter().map(|gain| gain.seconds).sum();
    let mut askers = BTreeSet::new();
    let of_statements = gains.iter().filter(|gain| askers.insert(&gain.need.asker));
    let whole: f64 = of_statements.map(|gain| gain.need.statement_seconds).sum();
    if whole > 0.0 {
        let percent = advice.saved_seconds_per_day / whole * 100.0;
        advice.improvement_percent = Some(percent.min(100.0));
    }
    let has_plan = gains
        .first()
        .is_some_and(|gain| gain.need.observed.has_plan);
    let is_corrected = gains
        .first()
        .is_some_and(|gain| gain.need.correction != 1.0);
    advice.confidence = if has_plan { WITH_PLAN } else { WITHOUT_PLAN };
    if is_corrected {
        advice.confidence *= CORRECTED;
    }
    let unit = board.write_unit(&pick.shape);
    for writer in &board.writers {
        let rows = board.written_rows(writer, &pick.shape);
        if rows > 0.0 {
            advice.pays.push(Paying {
                hash: Some(writer.hash),
                seconds_per_day: rows * unit,
            });
        }
    }
    let known: f64 = advice
        .pays
        .iter()
        .map(|paying| paying.seconds_per_day)
        .sum();
    let rest = pick.write_seconds - known;
    if rest > 0.01 {
        advice.pays.push(Paying {
            hash: None,
            seconds_per_day: rest,
        });
    }
    advice
        .pays
        .sort_by(|one, other| other.seconds_per_day.total_cmp(&one.seconds_per_day));
}

/// An index that the new one continues, and that nothing else needs.
fn replaced<'a, 'b>(existing: &'b [Existing<'a>], shape: &Shape) -> Option<&'b Existing<'a>> {
    existing.iter().find(|old| {
        let is_shorter = old.shape.as_ref().is_some_and(|old| {
            old.is_prefix_of(shape)
                && old.keys.len() < shape.keys.len()
                && old.include.iter().all(|name| shape.include.contains(name))
        });
        is_shorter && old.is_droppable()
    })
}

fn index_key(key: &ShapeKey, relation: &Relation, facts: &Facts<'_>) -> IndexKey {
    let is_column = key.key.expression.is_none();
    let column = relation.column(&key.key.column);
    let is_padded = column.is_some_and(|column| {
        column.type_name == "bpchar" || column.type_name.starts_with("character(")
    });
    let class = if is_padded {
        "bpchar_pattern_ops"
    } else {
        "text_pattern_ops"
    };
    let needs_class = key.has_pattern_class && !facts.prices.has_c_collation;
    IndexKey {
        column: is_column.then(|| key.key.column.clone()),
        expression: key.key.expression.clone(),
        is_descending: key.is_descending,
        has_nulls_first: key.has_nulls_first,
        operator_class: needs_class.then(|| class.to_owned()),
        collation: None,
    }
}

/// A name that no index of the schema has.
fn name(facts: &Facts<'_>, relation: &Relation, shape: &Shape) -> String {
    let in_schema = facts
        .catalog
        .relations
        .iter()
        .filter(|other| other.schema == relation.schema);
    let taken = in_schema.flat_map(|relation| &relation.indexes);
    let taken: BTreeSet<String> = taken.map(|index| index.name.clone()).collect();
    let mut parts: Vec<&str> = shape.keys.iter().map(|key| key.key.text()).collect();
    // Two partial indexes may have the same keys.
    parts.extend(shape.predicate.iter().map(|term| term.key.column.as_str()));
    ddl::index_name(&relation.name, &parts, &taken)
}

/// The condition of a partial index, as SQL.
pub(super) fn predicate(terms: &[Term]) -> Option<String> {
    let texts: Vec<String> = terms
        .iter()
        .map(|term| {
            let column = ddl::quoted(&term.key.column);
            match &term.test {
                Test::Equal(Value::Known(value)) => {
                    format!("{column} = '{}'", value.replace('\'', "''"))
                }
                Test::Is(true) => column,
                Test::Is(false) => format!("NOT {column}"),
                Test::IsNull => format!("{column} IS NULL"),
                _ => format!("{column} IS NOT NULL"),
            }
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join(" AND "))
}

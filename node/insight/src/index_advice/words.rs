//! Why an index is advised, in plain words, and the figures that say so.

use std::collections::BTreeSet;

use super::answer::Advice;
use super::board::Board;
use super::catalog::{IndexKey, Relation};
use super::demand::Test;
use super::existing::Existing;
use super::gain::Gain;

/// Why an index is advised.
pub(super) fn reason(
    advice: &Advice,
    relation: &Relation,
    replaced: Option<&Existing<'_>>,
    gains: &[Gain<'_>],
) -> String {
    let keys: Vec<&str> = advice.keys.iter().map(IndexKey::text).collect();
    let keys = keys.join(", ");
    let count = gains.len();
    let what = if count == 1 {
        "one demand"
    } else {
        "several demands"
    };
    let (before, after) = gains
        .first()
        .map_or((0.0, 0.0), |gain| (gain.served.cost, gain.after));
    let mut text = format!(
        "{} has no index that serves {what} on ({keys}): access costs {before:.0} units a call \
        and would cost {after:.1}",
        relation.title()
    );
    let is_wrapped = gains.iter().any(|gain| {
        gain.need
            .terms
            .iter()
            .any(|priced| matches!(priced.term.test, Test::Period(_)))
    });
    if is_wrapped {
        text.push_str(
            "; the statement must first be rewritten to a range of the column (W3), or \
        the index is not used",
        );
    }
    if let Some(old) = replaced {
        let old = &old.index.name;
        text.push_str(&format!(
            "; it continues {old}, which is dropped afterwards"
        ));
    }
    if advice.predicate.is_some() {
        text.push_str("; nearly all demand has the same condition, so only its rows are indexed");
    }
    if advice.keys.iter().any(|key| key.expression.is_some()) {
        text.push_str("; ANALYZE must follow, because an expression has no statistics before");
    }
    text
}

/// What an advice rests on.
pub(super) fn evidence(board: &Board<'_>, gains: &[Gain<'_>], relation: &Relation) -> Vec<String> {
    let rows = relation.known_rows().unwrap_or(0.0);
    let pages = relation.known_pages();
    let mut evidence = vec![format!("{rows:.0} rows in {pages:.0} pages")];
    let inserts = relation.inserts_per_day;
    let updates = relation.updates_per_day;
    evidence.push(format!(
        "{inserts:.0} rows inserted and {updates:.0} updated a day"
    ));
    evidence.push(format!(
        "a unit of cost takes {:.4} ms here",
        board.ms_per_unit
    ));
    for gain in gains.iter().take(3) {
        for priced in &gain.need.terms {
            let text = priced.term.key.text();
            let kept = priced.share * rows;
            evidence.push(format!("a condition on {text} keeps about {kept:.0} rows"));
        }
        if gain.need.correction != 1.0 {
            let factor = gain.need.correction;
            evidence.push(format!(
                "observed rows are {factor:.3} times the estimate, and win"
            ));
        }
        if !gain.need.observed.has_plan {
            evidence.push("no plan: half of the statement's time is taken to be access".to_owned());
        }
    }
    let mut told = BTreeSet::new();
    evidence.retain(|line| told.insert(line.clone()));
    evidence
}

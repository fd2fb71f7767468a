//! Why an index is advised, in plain words, and the figures that say so.

use std::collections::BTreeSet;

use super::answer::Advice;
use super::board::Board;
use super::catalog::{IndexKey, Relation};
use super::demand::Test;
use super::existing::Existing;
use super::gain::Gain;
use crate::words::{count, figure};

/// Why an index is advised.
pub(super) fn reason(
    advice: &Advice,
    relation: &Relation,
    replaced: Option<&Existing<'_>>,
    gains: &[Gain<'_>],
) -> String {
    let keys: Vec<&str> = advice.keys.iter().map(IndexKey::text).collect();
    let keys = keys.join(", ");
    let what = if gains.len() == 1 {
        "one demand"
    } else {
        "several demands"
    };
    let (before, after) = gains
        .first()
        .map_or((0.0, 0.0), |gain| (gain.served.cost, gain.after));
    let (before, after) = (figure(before), figure(after));
    let mut text = format!(
        "{} has no index that serves {what} on ({keys}): access costs {before} units a call \
        and would cost {after}",
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
    let mut evidence = vec![format!(
        "{} in {}",
        count(rows, "row", "rows"),
        count(pages, "page", "pages")
    )];
    let inserts = relation.inserts_per_day;
    let updates = relation.updates_per_day;
    evidence.push(format!(
        "{} inserted and {} updated a day",
        count(inserts, "row", "rows"),
        figure(updates)
    ));
    evidence.push(format!(
        "a unit of cost takes {} ms here",
        figure(board.ms_per_unit)
    ));
    for gain in gains.iter().take(3) {
        for priced in &gain.need.terms {
            let text = priced.term.key.text();
            let kept = priced.share * rows;
            let kept = count(kept.round(), "row", "rows");
            evidence.push(format!("a condition on {text} keeps about {kept}"));
        }
        if gain.need.correction != 1.0 {
            let factor = gain.need.correction;
            evidence.push(format!(
                "observed rows are {} times the estimate, and win",
                figure(factor)
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

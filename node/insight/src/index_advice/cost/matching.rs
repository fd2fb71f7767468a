//! How an index meets the predicates and the order of a need.

use super::{Prices, applies, operators, share_with};
use crate::index_advice::catalog::Relation;
use crate::index_advice::demand::{Key, Other, Term, Test};
use crate::index_advice::need::{Need, Priced};
use crate::index_advice::selectivity::{combined, count, distinct};
use crate::index_advice::shape::{Shape, ShapeKey};

/// Distinct values of a leading column that a skip scan may step over.
const MAX_SKIPPED: f64 = 100.0;

/// What an index does for a need, for each row of the partner.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Match {
    /// How often the index is asked.
    pub(super) loops: f64,
    /// How often each time it is gone down: more than once for lists and skipped columns.
    pub(super) descents: f64,
    /// Rows in the index.
    pub(super) index_rows: f64,
    /// Entries that are read.
    pub(super) entries: f64,
    /// Rows of the table that are read.
    pub(super) rows: f64,
    /// Rows that pass everything.
    pub(super) final_rows: f64,
    /// Operators tested on an entry.
    pub(super) index_operators: f64,
    /// Operators tested on a row.
    pub(super) heap_operators: f64,
    /// Operators tested on a row of a bitmap.
    pub(super) recheck_operators: f64,
    /// Whether the table need not be read for rows that all see.
    pub(super) is_index_only: bool,
    /// Leading keys that have a single value.
    pub(super) pinned: usize,
}

/// Matches an index; nothing if it neither narrows, orders nor covers.
pub(super) fn matched(
    need: &Need,
    shape: &Shape,
    partner: Option<usize>,
    relation: &Relation,
    prices: &Prices,
) -> Option<Match> {
    let terms: Vec<&Priced> = need
        .terms
        .iter()
        .filter(|p| applies(&p.term, partner))
        .collect();
    let implied = |wanted: &Term| terms.iter().any(|priced| implies(&priced.term, wanted));
    if !shape.predicate.iter().all(implied) {
        return None;
    }
    let is_predicate = |priced: &&&Priced| shape.predicate.contains(&priced.term);
    let predicate: Vec<&Priced> = terms.iter().filter(is_predicate).copied().collect();
    let mut walk = Walk::of(shape, &terms, relation, prices);
    walk.inside(shape, &terms);
    let is_index_only = covers(need, shape);
    let has_rows = !walk.narrowing.is_empty() || !shape.predicate.is_empty() || is_index_only;
    let rows = relation.known_rows()? * need.correction;
    let share = |sets: [&[&Priced]; 3]| {
        let all = sets.into_iter().flatten().map(|priced| priced.share);
        combined(&all.collect::<Vec<f64>>())
    };
    let narrowing = walk.narrowing.as_slice();
    let loops = partner
        .and_then(|partner| need.drivers.get(&partner))
        .copied();
    let found = Match {
        loops: loops.unwrap_or(1.0),
        descents: walk.descents,
        index_rows: relation.known_rows()? * shape.share,
        entries: (rows * share([narrowing, &predicate, &[]])).min(rows * shape.share.max(0.0)),
        rows: rows * share([narrowing, &predicate, &walk.filtering]),
        final_rows: rows * share_with(need, partner),
        index_operators: total(narrowing) + total(&walk.filtering),
        heap_operators: total(&terms)
            - total(narrowing)
            - total(&walk.filtering)
            - total(&predicate),
        recheck_operators: total(&terms) - total(&predicate),
        is_index_only,
        pinned: walk.pinned,
    };
    let is_of_use = has_rows || gives_order(need, shape, &found) && !need.order.keys.is_empty();
    // A partner's rows are only of use if the index is entered by them.
    let by_partner = |priced: &&Priced| matches!(priced.term.test, Test::Join(..));
    let is_driven = partner.is_none() || walk.narrowing.iter().any(by_partner);
    (is_of_use && is_driven).then_some(found)
}

/// Which predicates an index uses, key by key.
struct Walk<'a> {
    narrowing: Vec<&'a Priced>,
    filtering: Vec<&'a Priced>,
    descents: f64,
    pinned: usize,
    used: usize,
}

impl<'a> Walk<'a> {
    /// Leading equalities and the first range.
    fn of(shape: &Shape, terms: &[&'a Priced], relation: &Relation, prices: &Prices) -> Self {
        let mut walk = Self {
            narrowing: Vec::new(),
            filtering: Vec::new(),
            descents: 1.0,
            pinned: 0,
            used: 0,
        };
        let mut is_pinned = true;
        for (place, key) in shape.keys.iter().enumerate() {
            let on_key = || {
                terms
                    .iter()
                    .copied()
                    .filter(|priced| priced.term.key == key.key)
            };
            if let Some(equal) = on_key().find(|priced| priced.term.test.is_equality()) {
                is_pinned &= equal.term.test.is_single();
                if let Test::In(values) = &equal.term.test {
                    walk.descents *= values.as_ref().map_or(10.0, |values| count(values.len()));
                }
                walk.narrowing.push(equal);
                walk.used = place + 1;
                walk.pinned += usize::from(is_pinned);
                continue;
            }
            let range = on_key().find(|priced| is_range_for(key, &priced.term.test, prices));
            if let Some(range) = range {
                walk.narrowing.push(range);
                walk.used = place + 1;
            } else if place == 0 && prices.can_skip && shape.keys.len() > 1 {
                // From 18 on a scan skips over the values of a leading column, if they are few.
                let column = relation.column(&key.key.column);
                let values = column.and_then(|column| distinct(column, relation.known_rows()?));
                if let Some(values) = values.filter(|values| *values <= MAX_SKIPPED) {
                    walk.descents *= values;
                    is_pinned = false;
                    walk.used = 1;
                    continue;
                }
            }
            break;
        }
        if walk.narrowing.is_empty() {
            walk.descents = 1.0;
        }
        walk
    }

    /// Predicates on later keys, which are tested inside the index.
    fn inside(&mut self, shape: &Shape, terms: &[&'a Priced]) {
        for key in shape.keys.iter().skip(self.used) {
            let on_key = terms.iter().copied().filter(|priced| {
                let test = &priced.term.test;
                priced.term.key == key.key && (test.is_equality() || test.is_range())
            });
            for priced in on_key {
                if !self.narrowing.contains(&priced) {
                    self.filtering.push(priced);
                }
            }
        }
    }
}

/// Whether a key narrows by a range: prefixes need an order byte by byte, others the default one.
/// A period does once the statement is rewritten to a range.
fn is_range_for(key: &ShapeKey, test: &Test, prices: &Prices) -> bool {
    match test {
        Test::Prefix(_) => key.has_pattern_class || prices.has_c_collation,
        test => test.is_range() && key.has_default_order,
    }
}

/// Whether a predicate of a query proves one of an index.
fn implies(has: &Term, wanted: &Term) -> bool {
    let is_not_null = wanted.test == Test::Other(Other::NotNull);
    let is_strict = !matches!(has.test, Test::IsNull);
    has == wanted || is_not_null && is_strict && has.key.column == wanted.key.column
}

/// Whether the index holds all columns that are read.
fn covers(need: &Need, shape: &Shape) -> bool {
    let Some(output) = &need.output else {
        return false;
    };
    let plain = |key: &ShapeKey| key.key.expression.is_none();
    let keys = shape.keys.iter().filter(|key| plain(key));
    let has = |name: &String| {
        keys.clone().any(|key| key.key.column == *name) || shape.include.contains(name)
    };
    let predicate = |name: &String| shape.predicate.iter().any(|term| term.key.column == *name);
    !output.is_empty() && output.iter().all(|name| has(name) || predicate(name))
}

/// Whether rows come in the order that is wanted, read forward or backward.
pub(super) fn gives_order(need: &Need, shape: &Shape, found: &Match) -> bool {
    // A partner of the query around has one row while this order is made.
    let is_fixed = |test: &Test| match test {
        Test::Join(..) => need.is_correlated,
        test => test.is_single(),
    };
    let is_single = |key: &Key| {
        let mut terms = need.terms.iter();
        terms.any(|priced| priced.term.key == *key && is_fixed(&priced.term.test))
    };
    if found.loops > 1.0 && !need.is_correlated {
        return false;
    }
    let mut wanted = need
        .order
        .keys
        .iter()
        .filter(|order| !is_single(&order.key))
        .peekable();
    let mut backward = None;
    for key in shape.keys.iter().skip(found.pinned) {
        let Some(order) = wanted.peek() else {
            return true;
        };
        if order.key != key.key || !key.has_default_order {
            // A key of a single value does not disturb the order of those behind it.
            if is_single(&key.key) {
                continue;
            }
            return false;
        }
        let same = (order.is_descending, order.has_nulls_first)
            == (key.is_descending, key.has_nulls_first);
        let opposite = (order.is_descending, order.has_nulls_first)
            == (!key.is_descending, !key.has_nulls_first);
        let is_backward = !same;
        if !same && !opposite || backward.is_some_and(|backward| backward != is_backward) {
            return need.order.is_grouping;
        }
        backward = Some(is_backward);
        wanted.next();
    }
    wanted.peek().is_none()
}

fn total(terms: &[&Priced]) -> f64 {
    terms.iter().map(|priced| operators(priced)).sum()
}

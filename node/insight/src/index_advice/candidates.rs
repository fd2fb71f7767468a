//! Indexes that could serve the needs of one relation.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::Relation;
use super::cost::{Prices, indexed};
use super::demand::{Key, OrderKey, Term, Test};
use super::need::{Need, Priced, is_join};
use super::shape::{Shape, ShapeKey, width};

/// Keys of an index at most.
const MAX_KEYS: usize = 4;
/// Columns carried at most, and their bytes together.
const MAX_INCLUDE: usize = 3;
const MAX_INCLUDE_BYTES: f64 = 32.0;
/// Candidates of a relation at most.
const MAX_CANDIDATES: usize = 50;
/// Share of the demand that must have a condition before an index is made for it alone.
const PARTIAL_DEMAND: f64 = 0.8;
/// Share of rows that such a condition keeps at most.
const PARTIAL_ROWS: f64 = 0.15;
/// Share of the cost that carrying columns must leave at most.
const INCLUDE_COST: f64 = 0.7;
/// Share of all-visible pages from which on an index alone answers.
const MIN_ALL_VISIBLE: f64 = 0.8;

/// Candidates for the needs of one relation, in the order of their making, each once.
pub(super) fn candidates(needs: &[&Need], relation: &Relation, prices: &Prices) -> Vec<Shape> {
    let weights = weights(needs);
    let partial = constants(needs, relation);
    let mut found: Vec<Shape> = Vec::new();
    let mut add = |shape: Shape| {
        if !found.contains(&shape) && found.len() < MAX_CANDIDATES {
            found.push(shape);
        }
    };
    for need in needs {
        for keys in key_lists(need, &weights) {
            let plain = shape(keys.clone(), Vec::new(), Vec::new(), relation);
            if let Some(covering) = covering(need, &plain, relation, prices) {
                add(covering);
            }
            for term in need.terms.iter().map(|priced| &priced.term) {
                if partial.contains(term) {
                    let rest = keys.iter().filter(|key| key.key != term.key).cloned();
                    let keys = partial_keys(rest.collect(), need);
                    if !keys.is_empty() {
                        add(shape(keys, Vec::new(), vec![term.clone()], relation));
                    }
                }
            }
            add(plain);
        }
    }
    found
}

/// An index of these keys, with its size.
pub(super) fn shape(
    keys: Vec<ShapeKey>,
    include: Vec<String>,
    predicate: Vec<Term>,
    relation: &Relation,
) -> Shape {
    let shape = Shape {
        name: None,
        keys,
        include,
        predicate,
        is_unique: false,
        share: 1.0,
        pages: 1.0,
        height: 0.0,
        correlation: 0.0,
    };
    shape.sized(relation, None)
}

/// Seconds of demand for an equality of each key.
fn weights(needs: &[&Need]) -> BTreeMap<Key, f64> {
    let mut weights = BTreeMap::new();
    for need in needs {
        for priced in need
            .terms
            .iter()
            .filter(|priced| priced.term.test.is_equality())
        {
            *weights.entry(priced.term.key.clone()).or_insert(0.0) += need.seconds;
        }
    }
    weights
}

/// Constant conditions that nearly all demand has and few rows meet.
fn constants(needs: &[&Need], relation: &Relation) -> BTreeSet<Term> {
    let all: f64 = needs.iter().map(|need| need.seconds).sum();
    let mut shares: BTreeMap<&Term, (f64, f64)> = BTreeMap::new();
    for need in needs {
        for priced in need
            .terms
            .iter()
            .filter(|priced| priced.term.test.is_constant())
        {
            let entry = shares.entry(&priced.term).or_insert((0.0, priced.share));
            entry.0 += need.seconds;
        }
    }
    let is_common = |seconds: f64, share: f64| {
        all > 0.0 && seconds >= PARTIAL_DEMAND * all && share < PARTIAL_ROWS
    };
    let has_plain_key =
        |term: &Term| term.key.expression.is_none() && relation.column(&term.key.column).is_some();
    let common = shares
        .into_iter()
        .filter(|(term, (seconds, share))| is_common(*seconds, *share) && has_plain_key(term));
    common.map(|(term, _)| term.clone()).collect()
}

/// Keys of a partial index: what its predicate leaves over, else the order.
fn partial_keys(rest: Vec<ShapeKey>, need: &Need) -> Vec<ShapeKey> {
    if rest.is_empty() {
        return need.order.keys.iter().map(ordered).take(MAX_KEYS).collect();
    }
    rest
}

/// Lists of keys for a need: equalities, then one of a range and the order.
fn key_lists(need: &Need, weights: &BTreeMap<Key, f64>) -> Vec<Vec<ShapeKey>> {
    let mut lists = Vec::new();
    let mut partners: Vec<Option<usize>> = vec![None];
    partners.extend(need.drivers.keys().map(|partner| Some(*partner)));
    for partner in partners {
        let equal = equalities(need, partner, weights);
        let single: Vec<&Priced> = equal
            .iter()
            .copied()
            .filter(|p| p.term.test.is_single())
            .collect();
        for range in ranges(need) {
            lists.push(keys(&equal, vec![range]));
        }
        if !need.order.keys.is_empty() {
            let order = order_keys(need, &single);
            lists.push(keys(&single, order.clone()));
            // What a list names may be tested inside the index, behind the order.
            lists.push(keys(&equal, order));
        }
        lists.push(keys(&equal, Vec::new()));
        // Led by what holds without a partner, it also serves a plan that begins here.
        let mut led = equal;
        led.sort_by_key(|priced| is_join(&priced.term));
        lists.push(keys(&led, Vec::new()));
    }
    lists.retain(|list| !list.is_empty());
    lists
}

/// Equalities: those that most demand shares first, then the most selective.
fn equalities<'a>(
    need: &'a Need,
    partner: Option<usize>,
    weights: &BTreeMap<Key, f64>,
) -> Vec<&'a Priced> {
    let is_asked = |term: &Term| match term.test {
        Test::Join(other, _) => partner == Some(other),
        _ => term.test.is_equality() && !is_join(term),
    };
    let mut equal: Vec<&Priced> = need.terms.iter().filter(|p| is_asked(&p.term)).collect();
    let weight = |priced: &Priced| weights.get(&priced.term.key).copied().unwrap_or(0.0);
    equal.sort_by(|one, other| {
        let by_weight = weight(other).total_cmp(&weight(one));
        let by_share = one.share.total_cmp(&other.share);
        by_weight
            .then(by_share)
            .then_with(|| one.term.cmp(&other.term))
    });
    equal
}

/// Range columns, the most selective first.
fn ranges(need: &Need) -> Vec<ShapeKey> {
    let mut ranges: Vec<&Priced> = need
        .terms
        .iter()
        .filter(|p| p.term.test.is_range())
        .collect();
    ranges.sort_by(|one, other| one.share.total_cmp(&other.share));
    let key = |priced: &&Priced| {
        let is_prefix = matches!(priced.term.test, Test::Prefix(_));
        ShapeKey {
            has_pattern_class: is_prefix,
            has_default_order: !is_prefix,
            ..ShapeKey::ascending(priced.term.key.clone())
        }
    };
    ranges.iter().map(key).collect()
}

/// The order's columns that are not fixed; upwards if it can be read backward.
fn order_keys(need: &Need, single: &[&Priced]) -> Vec<ShapeKey> {
    let is_fixed = |order: &&OrderKey| single.iter().any(|priced| priced.term.key == order.key);
    let free: Vec<&OrderKey> = need
        .order
        .keys
        .iter()
        .filter(|order| !is_fixed(order))
        .collect();
    let is_backward = free
        .iter()
        .all(|order| order.is_descending && order.has_nulls_first);
    let key = |order: &&OrderKey| {
        if is_backward {
            ShapeKey::ascending(order.key.clone())
        } else {
            ordered(order)
        }
    };
    free.iter().map(key).collect()
}

fn ordered(order: &OrderKey) -> ShapeKey {
    ShapeKey {
        is_descending: order.is_descending,
        has_nulls_first: order.has_nulls_first,
        ..ShapeKey::ascending(order.key.clone())
    }
}

/// Keys of equalities and those behind them, each once.
fn keys(equal: &[&Priced], behind: Vec<ShapeKey>) -> Vec<ShapeKey> {
    let equal = equal
        .iter()
        .map(|priced| ShapeKey::ascending(priced.term.key.clone()));
    let mut keys: Vec<ShapeKey> = Vec::new();
    for key in equal.chain(behind) {
        if !keys.iter().any(|other| other.key == key.key) && keys.len() < MAX_KEYS {
            keys.push(key);
        }
    }
    keys
}

/// The index with the other columns that a need reads, if that saves much.
fn covering(need: &Need, plain: &Shape, relation: &Relation, prices: &Prices) -> Option<Shape> {
    let output = need.output.as_ref()?;
    let is_visible = relation.all_visible_share.unwrap_or(0.0) > MIN_ALL_VISIBLE;
    let is_key = |name: &&String| plain.keys.iter().any(|key| key.key.column == **name);
    let has_expression = plain.keys.iter().any(|key| key.key.expression.is_some());
    let missing: Vec<&String> = output.iter().filter(|name| !is_key(name)).collect();
    if !is_visible || missing.is_empty() || missing.len() > MAX_INCLUDE || has_expression {
        return None;
    }
    let columns: Option<Vec<_>> = missing.iter().map(|name| relation.column(name)).collect();
    let mut columns = columns?;
    let bytes: f64 = columns.iter().map(|column| width(column)).sum();
    if bytes > MAX_INCLUDE_BYTES {
        return None;
    }
    let is_varying = |name: &str| name.contains("char") || matches!(name, "text" | "numeric");
    columns.sort_by_key(|column| (is_varying(&column.type_name), column.name.clone()));
    let include = columns
        .into_iter()
        .map(|column| column.name.clone())
        .collect();
    let covering = shape(plain.keys.clone(), include, Vec::new(), relation);
    let cost = |shape: &Shape| indexed(need, shape, relation, prices).map(|path| path.cost);
    let (with, without) = (cost(&covering)?, cost(plain)?);
    (with <= INCLUDE_COST * without).then_some(covering)
}

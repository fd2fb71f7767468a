//! Indexes of other kinds than B-trees: advice only, not ranked, because we cannot price them.

use std::collections::BTreeMap;

use super::answer::{Advice, Answer, Kind};
use super::catalog::{IndexKey, Relation};
use super::demand::{Other, Term, Test};
use super::existing::Existing;
use super::facts::Facts;
use super::{ddl, gates, report};
use crate::words::{count, figure};

/// Rows from which on trigrams pay.
const MIN_TRIGRAM_ROWS: f64 = 100_000.0;
/// Characters that a trigram has.
const TRIGRAM: usize = 3;
/// Correlation, rows and updates by which ranges of pages tell values apart.
const BRIN_CORRELATION: f64 = 0.95;
const BRIN_ROWS: f64 = 1_000_000.0;
const BRIN_UPDATES: f64 = 0.1;
/// Size of such an index for a few million rows.
const BRIN_BYTES: f64 = 24_576.0;

/// What one column could have, and who asks.
struct Wish {
    kind: Kind,
    class: Option<&'static str>,
    hashes: Vec<i64>,
}

/// Advises for one relation.
pub(super) fn advise(facts: &Facts<'_>, place: usize, answer: &mut Answer) {
    let Some(relation) = facts.catalog.relations.get(place) else {
        return;
    };
    if gates::relation(relation).is_some() || relation.known_rows().is_none() {
        return;
    }
    let mut wishes: BTreeMap<(Kind, String), Wish> = BTreeMap::new();
    for (statement, reading) in facts.workload.statements.iter().zip(&facts.readings) {
        let accesses = reading.iter().flat_map(|reading| &reading.accesses);
        for access in accesses.filter(|access| access.relation == place) {
            let mut found: Vec<(Kind, String, Option<&'static str>)> = Vec::new();
            found.extend(access.terms.iter().filter_map(|term| wish(term, relation)));
            found.extend(brin(&access.terms, relation));
            let nearest = access.nearest.clone();
            found.extend(nearest.map(|column| (Kind::Gist, column, None)));
            for (kind, text, class) in found {
                let wish = wishes.entry((kind, text)).or_insert_with(|| Wish {
                    kind,
                    class,
                    hashes: Vec::new(),
                });
                // One operator that only the default class knows decides.
                wish.class = wish.class.filter(|_| class == wish.class);
                wish.hashes.push(statement.hash);
            }
        }
    }
    let existing = facts
        .existing
        .get(place)
        .map(Vec::as_slice)
        .unwrap_or_default();
    for ((_, column), wish) in wishes {
        if !has(existing, &wish, &column) {
            answer.advices.push(advice(facts, relation, &column, wish));
        }
    }
}

/// What a predicate could have.
fn wish(term: &Term, relation: &Relation) -> Option<(Kind, String, Option<&'static str>)> {
    let column = relation.column(&term.key.column)?;
    let text = term.key.text().to_owned();
    match &term.test {
        Test::Other(Other::Contains(Some(part))) => {
            let is_long = part.chars().count() >= TRIGRAM;
            let is_large = relation.known_rows().unwrap_or(0.0) > MIN_TRIGRAM_ROWS;
            (is_long && is_large).then_some((Kind::Trigram, text, Some("gin_trgm_ops")))
        }
        Test::Other(Other::Inverted(operator)) => {
            let name = column.type_name.as_str();
            let is_inverted = name == "jsonb" || name.ends_with("[]") || name == "tsvector";
            let is_path = name == "jsonb" && operator == "@>";
            is_inverted.then_some((Kind::Gin, text, is_path.then_some("jsonb_path_ops")))
        }
        _ => None,
    }
}

/// A range over rows that lie in the order of their values.
fn brin(terms: &[Term], relation: &Relation) -> Vec<(Kind, String, Option<&'static str>)> {
    let rows = relation.known_rows().unwrap_or(0.0);
    let is_calm = relation.updates_per_day < BRIN_UPDATES * rows;
    if rows <= BRIN_ROWS || !is_calm || terms.iter().any(|term| term.test.is_equality()) {
        return Vec::new();
    }
    let ordered = terms.iter().filter(|term| {
        let column = relation.column(&term.key.column);
        let correlation = column.and_then(|column| column.correlation).unwrap_or(0.0);
        let is_bare = term.key.expression.is_none();
        term.test.is_range() && is_bare && correlation.abs() > BRIN_CORRELATION
    });
    ordered
        .map(|term| (Kind::Brin, term.key.column.clone(), None))
        .collect()
}

fn method(kind: Kind) -> &'static str {
    match kind {
        Kind::Gist => "gist",
        Kind::Brin => "brin",
        _ => "gin",
    }
}

/// Whether such an index exists; for a range of pages any that leads with the column.
fn has(existing: &[Existing<'_>], wish: &Wish, column: &str) -> bool {
    existing.iter().any(|one| {
        let same = one.index.method == method(wish.kind)
            || wish.kind == Kind::Brin && one.index.method == "btree"
            || wish.kind == Kind::Trigram && one.index.method == "gist";
        let key = one.keys.iter().find(|key| key.text() == column);
        let is_trigram = key.is_some_and(|key| {
            key.operator_class
                .as_deref()
                .is_some_and(|class| class.contains("trgm"))
        });
        let leads = one.keys.first().is_some_and(|key| key.text() == column);
        same && key.is_some()
            && (wish.kind != Kind::Trigram || is_trigram)
            && (wish.kind != Kind::Brin || leads)
    })
}

fn advice(facts: &Facts<'_>, relation: &Relation, column: &str, wish: Wish) -> Advice {
    let mut advice = report::empty(wish.kind, relation);
    let is_column = relation.column(column).is_some();
    let taken = relation
        .indexes
        .iter()
        .map(|index| index.name.clone())
        .collect();
    advice.index = ddl::index_name(&relation.name, &[column], &taken);
    advice.keys = vec![IndexKey {
        column: is_column.then(|| column.to_owned()),
        expression: (!is_column).then(|| column.to_owned()),
        operator_class: wish.class.map(str::to_owned),
        ..IndexKey::default()
    }];
    advice.statement = ddl::create(
        relation,
        &ddl::Parts {
            name: &advice.index,
            method: method(wish.kind),
            keys: &advice.keys,
            ..ddl::Parts::default()
        },
    );
    advice.undo = Some(ddl::drop(relation, &advice.index));
    advice.size_bytes = (wish.kind == Kind::Brin).then_some(BRIN_BYTES);
    advice.confidence = 0.4;
    advice.reason = match wish.kind {
        Kind::Trigram => format!(
            "patterns on {column} start anywhere, which a B-tree cannot serve; an index of \
            trigrams can (extension pg_trgm)"
        ),
        Kind::Gin => format!(
            "conditions on {column} look inside of its values, which an inverted index serves"
        ),
        Kind::Gist => format!(
            "the rows nearest to a value of {column} are asked for, which a GiST index gives in \
            order, if the type has one"
        ),
        _ => format!(
            "rows lie in the order of {column}: an index of page ranges serves wide ranges at a \
            thousandth of a B-tree's size"
        ),
    };
    let rows = relation.known_rows().unwrap_or(0.0);
    let mut hashes = wish.hashes;
    hashes.sort_unstable();
    hashes.dedup();
    let seconds: f64 = facts
        .workload
        .statements
        .iter()
        .filter(|statement| hashes.contains(&statement.hash))
        .map(|statement| statement.seconds_per_day)
        .sum();
    advice.evidence.push(count(rows, "row", "rows"));
    let ask = count(hashes.len() as f64, "statement asks", "statements ask");
    let seconds = figure(seconds);
    let told = format!("{ask} for it, {seconds} s a day");
    advice.evidence.push(told);
    advice
}

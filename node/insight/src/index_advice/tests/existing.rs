//! Indexes that exist, as `pg_get_indexdef` writes them.

use super::world::{ask, column, common, index, reasons, statement, statements, table};
use crate::index_advice::{Column, Index, IndexKey, Relation};

const OFTEN: f64 = 1_440_000.0;

fn documents(keys: &str) -> Relation {
    let state = Column {
        most_common: common(&[("done", 0.9999), ("open", 0.0001)]),
        ..column("state", "text", 2.0)
    };
    let paid = Column {
        most_common: common(&[("t", 0.9999), ("f", 0.0001)]),
        ..column("is_paid", "boolean", 2.0)
    };
    let gone = Column {
        null_frac: Some(0.0001),
        ..column("gone", "timestamp with time zone", -0.9)
    };
    let columns = vec![
        state,
        paid,
        gone,
        column("a", "integer", 100_000.0),
        column("b", "integer", 100_000.0),
        column("doc", "jsonb", -1.0),
        column("name", "character varying(80)", -1.0),
    ];
    let mut table = table("d", columns);
    table.indexes.push(index("d", "i", "INDEX", keys));
    table
}

fn is_served(keys: &str, condition: &str) -> bool {
    let text = format!("SELECT * FROM d WHERE {condition}");
    let answer = ask(
        vec![documents(keys)],
        vec![statement(1, &text, OFTEN, 60.0)],
    );
    let served = reasons(&answer)
        .iter()
        .any(|reason| reason.contains("d_i serves"));
    assert_ne!(
        served,
        !statements(&answer).is_empty(),
        "{keys} {condition}: {answer:?}"
    );
    served
}

#[test]
fn definitions_of_the_catalogue_are_matched() {
    for (keys, condition) in [
        ("(a)", "a = $1"),
        ("(a DESC)", "a = $1"),
        ("(a) INCLUDE (b)", "a = $1"),
        ("(lower((name)::text))", "lower(name) = $1"),
        ("(name)", "name = $1::text"),
        ("(((doc ->> 'k'::text)))", "doc ->> 'k' = $1"),
        ("(id) WHERE (state = 'open'::text)", "state = 'open'"),
        (
            "(a) WHERE (state = 'open'::text)",
            "state = 'open' AND a > 5",
        ),
        ("(id) WHERE (NOT is_paid)", "NOT is_paid"),
        ("(id) WHERE (gone IS NULL)", "gone IS NULL"),
        ("(a) WHERE (a IS NOT NULL)", "a = $1"),
        ("(name text_pattern_ops)", "name LIKE 'abc%'"),
    ] {
        assert!(is_served(keys, condition), "{keys} {condition}");
    }
}

#[test]
fn indexes_that_do_not_serve_are_not_taken_to() {
    for (keys, condition) in [
        ("(b)", "a = $1"),
        ("(b, a)", "a = $1"),
        ("(upper((name)::text))", "lower(name) = $1"),
        ("(((doc ->> 'other'::text)))", "doc ->> 'k' = $1"),
        ("(a) WHERE (state = 'open'::text)", "a = $1"),
        ("(a) WHERE (state = 'open'::text)", "a = $1 AND state = $2"),
        ("(a) WHERE (b > random())", "a = $1"),
        ("(name)", "name LIKE 'abc%'"),
        ("(name text_pattern_ops)", "name BETWEEN $1 AND $2"),
    ] {
        assert!(!is_served(keys, condition), "{keys} {condition}");
    }
}

#[test]
fn an_index_without_its_definition_is_read_from_its_fields() {
    let mut table = documents("(b)");
    let key = |name: &str| IndexKey {
        column: Some(name.to_owned()),
        ..IndexKey::default()
    };
    table.indexes.push(Index {
        name: "fields".to_owned(),
        keys: vec![key("a")],
        ..Index::default()
    });
    let asked = || vec![statement(1, "SELECT * FROM d WHERE a = $1", OFTEN, 60.0)];
    let answer = ask(vec![table.clone()], asked());
    assert!(reasons(&answer)[0].contains("fields serves"), "{answer:?}");
    table.indexes[2].is_valid = false;
    let answer = ask(vec![table], asked());
    assert!(reasons(&answer)[0].contains("invalid"), "{answer:?}");
}

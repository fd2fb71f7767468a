//! Formulas, with the figures that PostgreSQL 15 gave.

use super::world::{ask, column, common, statement, table};
use crate::index_advice::candidates::shape;
use crate::index_advice::cost::scattered_pages;
use crate::index_advice::demand::{Key, Other, Test, Value};
use crate::index_advice::selectivity::{combined, join_share, selectivity};
use crate::index_advice::shape::{BLOCK_BYTES, ShapeKey};
use crate::index_advice::{Column, Relation, ddl};

fn known(text: &str) -> Value {
    Value::Known(text.to_owned())
}

/// A column `c`: two common values, the rest evenly from 0 to 100, a tenth null.
fn skewed() -> Relation {
    let c = Column {
        null_frac: Some(0.1),
        most_common: common(&[("7", 0.3), ("50", 0.1)]),
        histogram: ["0", "25", "50", "75", "100"].map(str::to_owned).to_vec(),
        ..column("c", "integer", 102.0)
    };
    table("t", vec![c, column("s", "text", 1_000.0)])
}

fn share(relation: &Relation, name: &str, test: Test) -> f64 {
    selectivity(relation, &Key::column(name), &test).expect("statistics")
}

fn assert_share(name: &str, column: &str, test: Test, wanted: f64) {
    let got = share(&skewed(), column, test);
    assert!(
        (got - wanted).abs() < 1e-9,
        "{name}: {got} instead of {wanted}"
    );
}

#[test]
fn shares_of_equalities() {
    let rest = 0.5;
    let expected = 0.09 + 0.01 + rest * rest / 100.0;
    let two = vec![known("7"), known("50")];
    for (name, column, test, wanted) in [
        ("common value", "c", Test::Equal(known("7")), 0.3),
        ("other value", "c", Test::Equal(known("8")), rest / 100.0),
        ("parameter", "c", Test::Equal(Value::Parameter), expected),
        ("list", "c", Test::In(Some(two)), 0.4),
        ("unknown list", "s", Test::In(None), 0.01),
        ("list of all", "c", Test::In(None), 0.9),
        ("null", "c", Test::IsNull, 0.1),
        ("not null", "c", Test::Other(Other::NotNull), 0.9),
    ] {
        assert_share(name, column, test, wanted);
    }
}

#[test]
fn shares_of_ranges_and_patterns() {
    let rest = 0.5;
    let unknown = || Test::Between(Value::Parameter, Value::Parameter);
    for (name, column, test, wanted) in [
        ("above", "c", Test::Above(known("60")), 0.5 - rest * 0.6),
        ("below", "c", Test::Below(known("60")), 0.4 + rest * 0.6),
        (
            "below parameter",
            "c",
            Test::Below(Value::Parameter),
            1.0 / 3.0,
        ),
        (
            "above parameter",
            "c",
            Test::Above(Value::Parameter),
            1.0 / 3.0,
        ),
        (
            "between",
            "c",
            Test::Between(known("60"), known("85")),
            rest * 0.25,
        ),
        ("between parameters", "c", unknown(), 0.005),
        (
            "prefix of parameter",
            "s",
            Test::Prefix(Value::Parameter),
            0.005,
        ),
        ("pattern", "s", Test::Other(Other::Contains(None)), 0.01),
    ] {
        assert_share(name, column, test, wanted);
    }
}

#[test]
fn frequencies_without_values_count_as_unknown() {
    let mut table = skewed();
    for frequent in &mut table.columns[1].most_common {
        frequent.value = None;
    }
    let by_value = share(&table, "c", Test::Equal(known("7")));
    assert_eq!(by_value, share(&table, "c", Test::Equal(Value::Parameter)));
}

#[test]
fn times_texts_and_expressions_have_shares() {
    let created = Column {
        histogram: ["2026-01-01 00:00:00+00", "2026-01-11 00:00:00+00"]
            .map(str::to_owned)
            .to_vec(),
        ..column("created", "timestamp with time zone", -1.0)
    };
    let name = Column {
        histogram: ["aa", "ba", "bz", "ca"].map(str::to_owned).to_vec(),
        ..column("name", "text", -1.0)
    };
    let table = table("t", vec![created, name]);
    let above = share(&table, "created", Test::Above(known("2026-01-10")));
    assert!((above - 0.1).abs() < 1e-9, "{above}");
    let prefix = share(&table, "name", Test::Prefix(known("b")));
    assert!((0.3..=0.7).contains(&prefix), "{prefix}");
    let expression = |text: &str| Key {
        column: "name".to_owned(),
        expression: Some(text.to_owned()),
    };
    let equal = Test::Equal(Value::Parameter);
    let lower = selectivity(&table, &expression("lower(name)"), &equal);
    assert_eq!(lower, Some(1e-6));
    let length = selectivity(&table, &expression("length(name)"), &equal);
    assert_eq!(length, Some(0.005));
}

#[test]
fn a_column_without_statistics_has_no_share() {
    let mut table = skewed();
    table.columns[1].n_distinct = None;
    assert_eq!(
        selectivity(&table, &Key::column("c"), &Test::Equal(Value::Parameter)),
        None
    );
    assert_eq!(
        selectivity(&table, &Key::column("nope"), &Test::IsNull),
        None
    );
    table.rows = Some(-1.0);
    assert_eq!(
        selectivity(&table, &Key::column("s"), &Test::Equal(Value::Parameter)),
        None
    );
}

#[test]
fn joins_and_conjunctions() {
    let one = table("one", vec![column("a", "integer", 1_000.0)]);
    let other = table("other", vec![column("b", "integer", 50.0)]);
    assert_eq!(join_share((&one, "a"), (&other, "b")), Some(0.001));
    let skewed = Column {
        most_common: common(&[("1", 0.5)]),
        ..column("a", "integer", 2.0)
    };
    let both = table("t", vec![skewed]);
    let share = join_share((&both, "a"), (&both, "a")).expect("statistics");
    assert!((share - (0.25 + 0.25)).abs() < 1e-9, "{share}");
    let and = combined(&[0.1, 0.01, 0.2]);
    assert!(
        (and - 0.01 * 0.1_f64.sqrt() * 0.2_f64.powf(0.25)).abs() < 1e-12,
        "{and}"
    );
    assert_eq!(combined(&[]), 1.0);
}

#[test]
fn sizes_of_indexes_are_as_measured() {
    let text = Column {
        avg_width: Some(33.0),
        ..column("txt", "text", -1.0)
    };
    let columns = vec![
        column("fifty", "integer", 50.0),
        column("eleven", "integer", 91_000.0),
        column("other", "integer", -1.0),
        text,
    ];
    let table = table("t", columns);
    for (keys, wanted) in [
        (vec!["id"], 22.5),
        (vec!["fifty"], 7.0),
        (vec!["eleven"], 9.3),
        (vec!["id", "other"], 22.5),
        (vec!["txt"], 59.0),
    ] {
        let shape_keys = keys
            .iter()
            .map(|name| ShapeKey::ascending(Key::column(name)));
        let shape = shape(shape_keys.collect(), Vec::new(), Vec::new(), &table);
        let bytes = shape.pages * BLOCK_BYTES / 1e6;
        assert!(
            (bytes - wanted).abs() < 0.08 * wanted,
            "{keys:?}: {bytes} instead of {wanted}"
        );
    }
}

#[test]
fn scattered_rows_read_as_many_pages_as_mackert_and_lohman_say() {
    // 17,000 rows were measured to read 12,050 blocks where nothing is in order.
    let pages = scattered_pages(22_223.0, 17_000.0);
    assert!((pages - 12_050.0).abs() < 0.03 * 12_050.0, "{pages}");
    assert_eq!(
        scattered_pages(22_223.0, 1e6),
        22_223.0,
        "never more than all"
    );
    assert_eq!(scattered_pages(0.0, 10.0), 0.0);
}

#[test]
fn names_are_quoted_where_they_must_be() {
    for (name, wanted) in [
        ("orders", "orders"),
        ("Orders", "\"Orders\""),
        ("order", "\"order\""),
        ("left", "\"left\""),
        ("a b", "\"a b\""),
        ("a\"b", "\"a\"\"b\""),
        ("1a", "\"1a\""),
    ] {
        assert_eq!(ddl::quoted(name), wanted);
    }
    let taken = ["t_a_idx".to_owned()].into_iter().collect();
    assert_eq!(ddl::index_name("t", &["a"], &taken), "t_a_idx1");
    let long = ddl::index_name(&"x".repeat(80), &["a"], &taken);
    assert_eq!(long.len(), 63);
    assert!(long.ends_with("_idx"));
}

#[test]
fn costs_are_those_that_postgresql_told() {
    // Planned by PostgreSQL 15 over a million rows in 18,182 pages, all visible, 11 rows a
    // customer and 333 a day, without and with the index advised.
    let columns = vec![
        column("customer_id", "integer", 91_000.0),
        column("day", "date", 3_000.0),
        column("total", "integer", 430_000.0),
    ];
    let mut t = table("t", columns);
    (t.pages, t.all_visible_share) = (Some(18_182.0), Some(1.0));
    for (text, before, after) in [
        ("SELECT * FROM t WHERE customer_id = $1", 30_682.0, 47.84),
        (
            "SELECT * FROM t WHERE customer_id IN ($1, $2, $3)",
            31_932.0,
            141.77,
        ),
        ("SELECT total FROM t WHERE day = $1", 30_682.0, 10.24),
        (
            "SELECT * FROM t ORDER BY day DESC, total LIMIT 5",
            44_791.65,
            0.92,
        ),
    ] {
        let answer = ask(vec![t.clone()], vec![statement(1, text, 1e6, 60.0)]);
        let helped = &answer.advices[0].helps[0];
        let is_near = |got: f64, wanted: f64| (got - wanted).abs() < 0.05 * wanted;
        assert!(is_near(helped.cost_before, before), "{text}: {helped:?}");
        assert!(is_near(helped.cost_after, after), "{text}: {helped:?}");
    }
}

//! Cases of the requirement that need more than one predicate and a table.

use super::world::{ask, column, common, index, reasons, statement, statements, table};
use crate::index_advice::{Column, ForeignKey, Kind};
use crate::plan::samples::json_plan;

const OFTEN: f64 = 1_440_000.0;

#[test]
fn case_9_a_foreign_key_whose_parent_sees_deletes_gets_its_index() {
    let mut child = table("child", vec![column("parent_id", "integer", 100_000.0)]);
    child.foreign_keys.push(ForeignKey {
        name: "child_parent_fk".to_owned(),
        columns: vec!["parent_id".to_owned()],
        parent_schema: "public".to_owned(),
        parent: "parent".to_owned(),
        parent_columns: vec!["id".to_owned()],
        trigger_seconds_per_day: None,
    });
    let mut parent = table("parent", vec![]);
    let answer = ask(vec![child.clone(), parent.clone()], vec![]);
    assert_eq!(statements(&answer), [""; 0], "no deletes");
    parent.deletes_per_day = 10_000.0;
    let answer = ask(vec![child, parent], vec![]);
    assert_eq!(
        statements(&answer),
        ["CREATE INDEX CONCURRENTLY child_parent_id_idx ON public.child (parent_id);"]
    );
    let subject = answer.advices[0].helps[0].subject.as_deref();
    assert_eq!(subject, Some("triggers of the foreign key child_parent_fk"));
}

#[test]
fn case_12_a_function_of_a_column_gets_an_index_on_the_expression() {
    let t = table("users", vec![column("email", "character varying", -1.0)]);
    let text = "SELECT * FROM users WHERE lower(email) = $1";
    let answer = ask(vec![t], vec![statement(1, text, OFTEN, 60.0)]);
    assert_eq!(
        statements(&answer),
        ["CREATE INDEX CONCURRENTLY users_lower_email_idx ON public.users (lower(email));"]
    );
    let advice = &answer.advices[0];
    assert!(
        (advice.helps[0].cost_before - 37_223.0).abs() < 1.0,
        "{:?}",
        advice.helps
    );
    assert!(
        (advice.helps[0].cost_after - 8.4).abs() < 0.2,
        "{:?}",
        advice.helps
    );
    assert_eq!(advice.then, ["ANALYZE public.users;"]);
}

#[test]
fn what_the_planner_guesses_of_an_expression_is_not_observed() {
    let t = table("users", vec![column("email", "character varying", -1.0)]);
    let text = "SELECT count(*) FROM users WHERE lower(email) = $1";
    let mut asked = statement(1, text, OFTEN, 60.0);
    asked.plan = Some(json_plan(
        r#"[{"Plan": {"Node Type": "Seq Scan", "Relation Name": "users", "Startup Cost": 0,
            "Total Cost": 37223, "Plan Rows": 5000, "Plan Width": 4, "Actual Rows": 1,
            "Actual Loops": 1, "Actual Total Time": 60.0, "Filter": "(lower(email) = 'x'::text)",
            "Rows Removed by Filter": 999999}, "Execution Time": 60.0}]"#,
    ));
    let answer = ask(vec![t], vec![asked]);
    let helped = &answer.advices[0].helps[0];
    assert!(helped.cost_after < 10.0, "{helped:?}");
}

#[test]
fn case_12_the_expression_is_not_indexed_twice() {
    let mut t = table("users", vec![column("email", "character varying", -1.0)]);
    t.indexes
        .push(index("users", "lower", "INDEX", "(lower((email)::text))"));
    let text = "SELECT * FROM users WHERE lower(email) = $1";
    let answer = ask(vec![t], vec![statement(1, text, OFTEN, 1.0)]);
    assert_eq!(statements(&answer), [""; 0]);
    assert!(
        reasons(&answer)[0].contains("users_lower serves"),
        "{:?}",
        answer.withheld
    );
}

#[test]
fn case_13_writes_may_cost_more_than_a_report_saves() {
    let mut t = table("t", vec![column("a", "integer", 100_000.0)]);
    t.inserts_per_day = 5_000.0 * 86_400.0;
    let hourly = statement(1, "SELECT * FROM t WHERE a = $1", 24.0, 2_000.0);
    let answer = ask(vec![t.clone()], vec![hourly]);
    assert_eq!(statements(&answer), [""; 0]);
    assert!(
        reasons(&answer)[0].contains("less than 60"),
        "{:?}",
        answer.withheld
    );
    // A hundred times the saving is still not worth its writes.
    let more = statement(1, "SELECT * FROM t WHERE a = $1", 2_400.0, 2_000.0);
    let answer = ask(vec![t.clone()], vec![more.clone()]);
    assert_eq!(statements(&answer), [""; 0]);
    assert!(
        reasons(&answer)[0].contains("less than 3 times"),
        "{:?}",
        answer.withheld
    );
    t.inserts_per_day = 1_000.0;
    let answer = ask(vec![t], vec![more]);
    assert_eq!(answer.advices.len(), 1, "few writes");
}

#[test]
fn case_15_a_cast_to_a_day_is_rewritten_first() {
    let t = table(
        "e",
        vec![column("created", "timestamp with time zone", -1.0)],
    );
    let text = "SELECT * FROM e WHERE created::date = $1";
    let answer = ask(vec![t.clone()], vec![statement(1, text, OFTEN, 60.0)]);
    assert_eq!(
        statements(&answer),
        ["CREATE INDEX CONCURRENTLY e_created_idx ON public.e (created);"]
    );
    assert!(
        answer.advices[0]
            .reason
            .contains("rewritten to a range of the column (W3)")
    );
    let mut indexed = t;
    indexed.columns[1].correlation = Some(1.0);
    indexed
        .indexes
        .push(index("e", "created", "INDEX", "(created)"));
    let answer = ask(vec![indexed], vec![statement(1, text, OFTEN, 60.0)]);
    assert_eq!(statements(&answer), [""; 0]);
    assert!(reasons(&answer)[0].contains("W3"), "{:?}", answer.withheld);
}

#[test]
fn case_16_a_pattern_that_starts_anywhere_is_advised_trigrams() {
    let t = table("t", vec![column("name", "text", -1.0)]);
    let text = "SELECT * FROM t WHERE name LIKE '%smith%'";
    let answer = ask(vec![t.clone()], vec![statement(1, text, OFTEN, 300.0)]);
    assert_eq!(
        statements(&answer),
        ["CREATE INDEX CONCURRENTLY t_name_idx ON public.t USING gin (name gin_trgm_ops);"]
    );
    assert_eq!(answer.advices[0].kind, Kind::Trigram);
    assert_eq!(answer.advices[0].saved_seconds_per_day, 0.0, "not ranked");
    for unknown in ["name LIKE '%ab%'", "name LIKE $1"] {
        let text = format!("SELECT * FROM t WHERE {unknown}");
        let answer = ask(vec![t.clone()], vec![statement(1, &text, OFTEN, 300.0)]);
        assert_eq!(statements(&answer), [""; 0], "{unknown}");
        assert_eq!(answer.withheld.len(), 1, "{unknown}");
    }
}

#[test]
fn case_17_an_index_that_the_planner_leaves_is_no_index_problem() {
    let mut t = table(
        "t",
        vec![column("a", "integer", 100.0), column("b", "integer", 100.0)],
    );
    t.indexes.push(index("t", "a_b", "INDEX", "(a, b)"));
    let mut asked = statement(1, "SELECT * FROM t WHERE a = $1 AND b = $2", OFTEN, 60.0);
    asked.plan = Some(json_plan(
        r#"[{"Plan": {"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "t",
            "Startup Cost": 0, "Total Cost": 37223, "Plan Rows": 500000, "Plan Width": 40,
            "Actual Startup Time": 0.1, "Actual Total Time": 60, "Actual Rows": 1000,
            "Actual Loops": 1, "Filter": "((a = 1) AND (b = 2))",
            "Rows Removed by Filter": 999000}, "Execution Time": 60.1}]"#,
    ));
    let answer = ask(vec![t], vec![asked]);
    assert_eq!(statements(&answer), [""; 0]);
    assert!(
        reasons(&answer)[0].contains("finding P1"),
        "{:?}",
        answer.withheld
    );
}

#[test]
fn case_18_a_limit_that_reads_the_wrong_way_gets_equalities_and_order() {
    let c = Column {
        histogram: (0..=100).map(|bin| (bin * 1_000).to_string()).collect(),
        ..column("c", "integer", -0.1)
    };
    let a = Column {
        most_common: common(&[("1", 0.01)]),
        ..column("a", "integer", 100.0)
    };
    let columns = vec![
        a,
        column("b", "integer", 10.0),
        c,
        column("t", "integer", -1.0),
    ];
    let mut e = table("e", columns);
    e.indexes.push(index("e", "t", "INDEX", "(t)"));
    let text = "SELECT * FROM e WHERE a = $1 AND b = $2 AND c < 50000 ORDER BY t LIMIT 5";
    let mut asked = statement(1, text, OFTEN, 290.0);
    asked.plan = Some(json_plan(
        r#"[{"Plan": {"Node Type": "Limit", "Startup Cost": 0.4, "Total Cost": 900.0,
            "Plan Rows": 5, "Plan Width": 40, "Actual Startup Time": 289,
            "Actual Total Time": 290, "Actual Rows": 5, "Actual Loops": 1, "Plans": [
            {"Node Type": "Index Scan", "Parent Relationship": "Outer", "Index Name": "e_t",
             "Scan Direction": "Forward", "Relation Name": "e", "Alias": "e",
             "Startup Cost": 0.4, "Total Cost": 90000, "Plan Rows": 500, "Plan Width": 40,
             "Actual Startup Time": 289, "Actual Total Time": 290, "Actual Rows": 5,
             "Actual Loops": 1, "Filter": "((c < 50000) AND (a = 1) AND (b = 2))",
             "Rows Removed by Filter": 362062}]}, "Execution Time": 290.1}]"#,
    ));
    let answer = ask(vec![e], vec![asked]);
    assert_eq!(
        statements(&answer),
        ["CREATE INDEX CONCURRENTLY e_a_b_t_idx ON public.e (a, b, t);"]
    );
}

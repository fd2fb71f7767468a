//! The cases of the requirement, by their numbers. Figures are those of PostgreSQL 15.

use super::world::{ask, column, common, index, reasons, statement, statements, table};
use crate::index_advice::{Column, Kind, Relation};
use crate::plan::samples::json_plan;

/// 1,000 calls a minute.
const OFTEN: f64 = 1_440_000.0;

fn near(got: f64, wanted: f64, share: f64) -> bool {
    (got - wanted).abs() <= wanted * share
}

#[test]
fn case_1_an_equality_gets_its_index() {
    let table = table("t", vec![column("a", "integer", 91_000.0)]);
    let answer = ask(
        vec![table],
        vec![statement(1, "SELECT * FROM t WHERE a = $1", OFTEN, 60.0)],
    );
    assert_eq!(
        statements(&answer),
        ["CREATE INDEX CONCURRENTLY t_a_idx ON public.t (a);"]
    );
    let helped = &answer.advices[0].helps[0];
    assert!(
        near(helped.cost_before, 34_723.0, 0.001),
        "{}",
        helped.cost_before
    );
    assert!(near(helped.cost_after, 48.0, 0.03), "{}", helped.cost_after);
    assert_eq!(answer.advices[0].kind, Kind::Create);
    assert!(near(
        answer.advices[0].saved_seconds_per_day,
        43_140.0,
        0.01
    ));
}

#[test]
fn case_2_equalities_and_the_order_share_one_index() {
    let columns = vec![
        column("a", "integer", 100.0),
        column("b", "integer", 10.0),
        column("c", "integer", -1.0),
    ];
    let text = "SELECT * FROM t WHERE a = $1 AND b = $2 ORDER BY c DESC LIMIT 10";
    let answer = ask(
        vec![table("t", columns)],
        vec![statement(1, text, OFTEN, 60.0)],
    );
    assert_eq!(
        statements(&answer),
        ["CREATE INDEX CONCURRENTLY t_a_b_c_idx ON public.t (a, b, c);"]
    );
}

#[test]
fn case_3_the_shared_column_leads() {
    let columns = vec![
        column("a", "integer", 1_000.0),
        column("b", "integer", 1_000.0),
    ];
    let answer = ask(
        vec![table("t", columns)],
        vec![
            statement(1, "SELECT * FROM t WHERE a = $1 AND b = $2", OFTEN, 60.0),
            statement(2, "SELECT * FROM t WHERE b = $1", 1_000.0, 60.0),
        ],
    );
    assert_eq!(
        statements(&answer),
        ["CREATE INDEX CONCURRENTLY t_b_a_idx ON public.t (b, a);"]
    );
    assert_eq!(answer.advices[0].helps.len(), 2);
}

#[test]
fn case_4_the_range_follows_the_equality() {
    let time = Column {
        correlation: Some(1.0),
        ..column("t", "timestamp with time zone", -1.0)
    };
    let columns = vec![column("a", "integer", 400.0), time];
    let text = "SELECT * FROM e WHERE a = $1 AND t > $2";
    let answer = ask(
        vec![table("e", columns)],
        vec![statement(1, text, OFTEN, 60.0)],
    );
    assert_eq!(
        statements(&answer),
        ["CREATE INDEX CONCURRENTLY e_a_t_idx ON public.e (a, t);"]
    );
}

/// A queue of which 2 % are open.
fn queue() -> Relation {
    let status = Column {
        most_common: common(&[("done", 0.98), ("open", 0.02)]),
        ..column("status", "text", 2.0)
    };
    table("q", vec![status])
}

const QUEUE: &str = "SELECT * FROM q WHERE status = 'open' ORDER BY id LIMIT 20";

#[test]
fn case_5_a_constant_condition_makes_a_partial_index() {
    // The open rows are the newest: the plan reads nearly the whole key to find them.
    let plan = json_plan(
        r#"[{"Plan": {"Node Type": "Limit", "Startup Cost": 0.4, "Total Cost": 51.0,
            "Plan Rows": 20, "Plan Width": 40, "Actual Startup Time": 130.0,
            "Actual Total Time": 130.1, "Actual Rows": 20, "Actual Loops": 1, "Plans": [
            {"Node Type": "Index Scan", "Parent Relationship": "Outer",
             "Scan Direction": "Forward", "Index Name": "q_pkey", "Relation Name": "q",
             "Alias": "q", "Startup Cost": 0.4, "Total Cost": 51000.0, "Plan Rows": 20000,
             "Plan Width": 40, "Actual Startup Time": 130.0, "Actual Total Time": 130.0,
             "Actual Rows": 20, "Actual Loops": 1, "Filter": "(status = 'open'::text)",
             "Rows Removed by Filter": 980000}]}, "Execution Time": 130.2}]"#,
    );
    let mut asked = statement(1, QUEUE, OFTEN, 130.0);
    asked.plan = Some(plan);
    let answer = ask(vec![queue()], vec![asked]);
    assert_eq!(
        statements(&answer),
        ["CREATE INDEX CONCURRENTLY q_id_status_idx ON public.q (id) WHERE status = 'open';"]
    );
    assert!(near(answer.advices[0].helps[0].cost_after, 1.3, 0.1));
    assert_eq!(answer.advices[0].confidence, 0.7);
}

#[test]
fn case_5_rows_spread_evenly_are_served_by_the_key() {
    let answer = ask(vec![queue()], vec![statement(1, QUEUE, OFTEN, 0.7)]);
    assert_eq!(statements(&answer), [""; 0]);
    assert!(
        reasons(&answer)[0].contains("the index q_pkey serves this"),
        "{:?}",
        answer.withheld
    );
}

#[test]
fn case_5_a_parameter_never_proves_a_predicate() {
    let text = "SELECT * FROM q WHERE status = $1 ORDER BY id LIMIT 20";
    let mut queue = queue();
    queue.indexes.clear();
    let answer = ask(vec![queue.clone()], vec![statement(1, text, OFTEN, 130.0)]);
    assert!(
        answer
            .advices
            .iter()
            .all(|advice| advice.predicate.is_none())
    );
    let mut constant = statement(1, text, OFTEN, 130.0);
    constant.constants.insert(1, "open".to_owned());
    let answer = ask(vec![queue], vec![constant]);
    assert_eq!(
        answer.advices[0].predicate.as_deref(),
        Some("status = 'open'")
    );
}

#[test]
fn case_6_a_third_of_the_rows_needs_no_index() {
    let status = Column {
        most_common: common(&[("x", 0.333), ("y", 0.333), ("z", 0.333)]),
        ..column("s", "text", 3.0)
    };
    let asked = statement(1, "SELECT * FROM t WHERE s = $1", OFTEN, 60.0);
    let answer = ask(vec![table("t", vec![status])], vec![asked]);
    assert_eq!(statements(&answer), [""; 0]);
    assert!(
        reasons(&answer)[0].contains("less than 20 %"),
        "{:?}",
        answer.withheld
    );
}

#[test]
fn case_7_a_small_table_needs_no_index() {
    let mut small = table("t", vec![column("a", "integer", -1.0)]);
    (small.rows, small.pages) = (Some(50.0), Some(1.0));
    let asked = statement(1, "SELECT * FROM t WHERE a = $1", 14_400_000.0, 0.1);
    let answer = ask(vec![small], vec![asked]);
    assert_eq!(statements(&answer), [""; 0]);
    assert!(
        reasons(&answer)[0].contains("fewer than 1000"),
        "{:?}",
        answer.withheld
    );
}

/// A fact table and a dimension of which a filter keeps 10 rows.
fn star(facts_a_row: f64) -> Vec<Relation> {
    let fact = table("fact", vec![column("dim_id", "integer", 1e6 / facts_a_row)]);
    let mut dim = table("dim", vec![column("kind", "integer", 1e5 / facts_a_row)]);
    (dim.rows, dim.pages) = (Some(1e6 / facts_a_row), Some(60.0));
    vec![fact, dim]
}

const STAR: &str = "SELECT * FROM fact JOIN dim ON fact.dim_id = dim.id WHERE dim.kind = $1";

#[test]
fn case_8_a_join_from_few_rows_gets_an_index() {
    let answer = ask(star(10.0), vec![statement(1, STAR, 10_000.0, 471.0)]);
    assert_eq!(
        statements(&answer),
        ["CREATE INDEX CONCURRENTLY fact_dim_id_idx ON public.fact (dim_id);"]
    );
    let helped = &answer.advices[0].helps[0];
    assert!(
        near(helped.cost_before, 34_890.0, 0.01),
        "{}",
        helped.cost_before
    );
    assert!(
        near(helped.cost_after, 445.0, 0.05),
        "{}",
        helped.cost_after
    );
}

#[test]
fn case_8_many_scattered_rows_get_none() {
    let answer = ask(star(1_000.0), vec![statement(1, STAR, 10_000.0, 471.0)]);
    assert_eq!(statements(&answer), [""; 0]);
    let reasons = reasons(&answer);
    assert!(
        reasons
            .iter()
            .any(|reason| reason.contains("less than 20 %")),
        "{reasons:?}"
    );
}

#[test]
fn case_10_few_rows_a_key_need_no_longer_index() {
    let mut t = table(
        "t",
        vec![
            column("a", "integer", 71_000.0),
            column("s", "integer", 1_000.0),
        ],
    );
    t.indexes.push(index("t", "a_idx", "INDEX", "(a)"));
    let text = "SELECT * FROM t WHERE a = $1 AND s = $2";
    let answer = ask(vec![t], vec![statement(1, text, OFTEN, 1.0)]);
    assert_eq!(statements(&answer), [""; 0]);
    assert!(
        reasons(&answer)[0].contains("the index t_a_idx serves this"),
        "{:?}",
        answer.withheld
    );
}

#[test]
fn case_11_many_rows_a_key_extend_the_index() {
    let mut t = table(
        "t",
        vec![
            column("a", "integer", 20.0),
            column("s", "integer", 100_000.0),
        ],
    );
    t.indexes.push(index("t", "a_idx", "INDEX", "(a)"));
    let asked = vec![
        statement(1, "SELECT * FROM t WHERE a = $1 AND s = $2", OFTEN, 40.0),
        statement(2, "SELECT * FROM t WHERE a = $1", OFTEN, 40.0),
    ];
    let answer = ask(vec![t], asked);
    assert_eq!(
        statements(&answer),
        ["CREATE INDEX CONCURRENTLY t_a_s_idx ON public.t (a, s);"]
    );
    assert_eq!(answer.advices[0].kind, Kind::Extend);
    assert_eq!(
        answer.advices[0].then,
        ["DROP INDEX CONCURRENTLY public.t_a_idx;"]
    );
}

#[test]
fn case_14_a_table_without_statistics_is_analysed_first() {
    let mut t = table("t", vec![column("a", "integer", 100.0)]);
    t.rows = Some(-1.0);
    let asks = || vec![statement(1, "SELECT * FROM t WHERE a = $1", OFTEN, 60.0)];
    let answer = ask(vec![t.clone()], asks());
    assert_eq!(statements(&answer), ["ANALYZE public.t;"]);
    assert_eq!(answer.advices[0].kind, Kind::Analyze);
    assert!(reasons(&answer)[0].contains("no statistics"));
    // It was, since its statistics were read.
    t.has_newer_statistics = true;
    let answer = ask(vec![t], asks());
    assert_eq!(statements(&answer), [""; 0]);
    assert!(reasons(&answer)[0].contains("analysed after"));
}

//! What is chosen when needs, writes and limits meet.

use super::world::{ask, catalog, column, index, reasons, statement, statements, table};
use crate::index_advice::{Answer, Index, Kind, Relation, Statement, Workload, advise};
use crate::plan::samples::json_plan;

const OFTEN: f64 = 1_440_000.0;

fn four_columns() -> Relation {
    let columns = ["a", "b", "c", "d"].map(|name| column(name, "integer", 100_000.0));
    table("t", columns.to_vec())
}

fn one_each(columns: &[&str]) -> Vec<Statement> {
    let text = |column: &&str| format!("SELECT * FROM t WHERE {column} = $1");
    let texts = columns.iter().map(text).zip(1..);
    texts
        .map(|(text, hash)| statement(hash, &text, OFTEN, 60.0))
        .collect()
}

#[test]
fn a_table_gets_three_indexes_at_most() {
    let answer = ask(vec![four_columns()], one_each(&["a", "b", "c", "d"]));
    assert_eq!(answer.advices.len(), 3);
    assert_eq!(answer.withheld.len(), 1);
}

#[test]
fn a_database_gets_ten_indexes_and_a_tenth_of_its_size() {
    let names: Vec<String> = (0..12).map(|number| format!("t{number}")).collect();
    let columns = || vec![column("a", "integer", -1.0)];
    let tables: Vec<Relation> = names.iter().map(|name| table(name, columns())).collect();
    let texts = names
        .iter()
        .map(|name| format!("SELECT * FROM {name} WHERE a = $1"));
    let asked: Vec<Statement> = texts
        .zip(1..)
        .map(|(text, hash)| statement(hash, &text, OFTEN, 60.0))
        .collect();
    // All take 270 MB, more than a tenth of the tables, and less than what is always free.
    let answer = ask(tables.clone(), asked.clone());
    assert_eq!(answer.advices.len(), 10);
    assert!(
        reasons(&answer)
            .iter()
            .all(|reason| reason.contains("at most 10"))
    );
    // Each index takes 0.9 GB, and a tenth of two such tables is 1.5 GB.
    let large = |mut table: Relation| {
        (table.rows, table.pages) = (Some(4e7), Some(900_000.0));
        table
    };
    let tables = tables.into_iter().take(2).map(large).collect();
    assert_eq!(ask(tables, asked).advices.len(), 1);
}

#[test]
fn a_small_table_that_is_asked_often_gets_its_index() {
    let mut t = table("t", vec![column("a", "integer", 4_000.0)]);
    (t.rows, t.pages) = (Some(8_000.0), Some(84.0));
    let asked = || vec![statement(1, "SELECT * FROM t WHERE a = $1", OFTEN, 0.4)];
    let answer = ask(vec![t.clone()], asked());
    assert_eq!(answer.advices.len(), 1, "{:?}", answer.withheld);
    // Few rows, and the pages that updates have filled since the last vacuum.
    (t.rows, t.pages) = (Some(50.0), Some(2_000.0));
    let answer = ask(vec![t], asked());
    assert_eq!(statements(&answer), [""; 0]);
    assert!(reasons(&answer)[0].contains("50 rows, fewer than 1000"));
}

#[test]
fn what_other_indexes_leave_of_a_statement_counts() {
    // The large table takes nearly all of the statement, until its index is there.
    let mut word = table("word", vec![column("text", "text", -1.0)]);
    (word.rows, word.pages) = (Some(20_000.0), Some(150.0));
    let use_of = table("use_of", vec![column("word", "integer", 20_000.0)]);
    let plan = r#"[{"Plan": {"Node Type": "Aggregate", "Startup Cost": 1, "Total Cost": 20300,
        "Plan Rows": 1, "Plan Width": 8, "Actual Startup Time": 60, "Actual Total Time": 60,
        "Actual Rows": 1, "Actual Loops": 1, "Plans": [
        {"Node Type": "Hash Join", "Parent Relationship": "Outer", "Join Type": "Inner",
         "Startup Cost": 1, "Total Cost": 20300, "Plan Rows": 50, "Plan Width": 8,
         "Actual Startup Time": 2, "Actual Total Time": 60, "Actual Rows": 50, "Actual Loops": 1,
         "Plans": [
         {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "use_of",
          "Alias": "u", "Startup Cost": 0, "Total Cost": 20000, "Plan Rows": 1000000,
          "Plan Width": 4, "Actual Startup Time": 0.1, "Actual Total Time": 57.8,
          "Actual Rows": 1000000, "Actual Loops": 1},
         {"Node Type": "Hash", "Parent Relationship": "Inner", "Startup Cost": 1,
          "Total Cost": 300, "Plan Rows": 1, "Plan Width": 4, "Actual Startup Time": 2,
          "Actual Total Time": 2, "Actual Rows": 1, "Actual Loops": 1, "Plans": [
          {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "word",
           "Alias": "w", "Startup Cost": 0, "Total Cost": 300, "Plan Rows": 1, "Plan Width": 4,
           "Actual Startup Time": 0.1, "Actual Total Time": 2, "Actual Rows": 1,
           "Actual Loops": 1}]}]}]}, "Execution Time": 60}]"#;
    let text = "SELECT count(*) FROM word w, use_of u WHERE u.word = w.id AND w.text = $1";
    let mut asked = statement(1, text, OFTEN, 60.0);
    asked.plan = Some(json_plan(plan));
    let answer = ask(vec![word, use_of], vec![asked]);
    let wanted = [
        "CREATE INDEX CONCURRENTLY use_of_word_idx ON public.use_of (word);",
        "CREATE INDEX CONCURRENTLY word_text_idx ON public.word (text);",
    ];
    assert_eq!(statements(&answer), wanted, "{answer:#?}");
}

#[test]
fn what_holds_without_a_partner_leads_where_plans_begin_at_either_side() {
    let columns = vec![
        column("maker", "integer", 50_000.0),
        column("kind", "integer", 1_000.0),
    ];
    let makers = table("m", vec![column("code", "integer", 100_000.0)]);
    // The first begins with ten makers, the second with a thousand rows of a kind.
    let of_kind = "SELECT count(*) FROM t JOIN m ON m.id = t.maker WHERE t.kind = $1";
    let by_code = format!("{of_kind} AND m.code = $2");
    let asked = vec![
        statement(1, &by_code, OFTEN, 60.0),
        statement(2, of_kind, OFTEN, 60.0),
    ];
    let answer = ask(vec![table("t", columns), makers], asked);
    let all = statements(&answer);
    let on_t: Vec<&&str> = all
        .iter()
        .filter(|text| text.contains("public.t "))
        .collect();
    let wanted = "CREATE INDEX CONCURRENTLY t_kind_maker_idx ON public.t (kind, maker);";
    assert_eq!(on_t, [&wanted], "{answer:#?}");
}

#[test]
fn updates_of_a_key_count_as_writes() {
    let asked = |updated: &str| {
        let update = format!("UPDATE t SET {updated} = $1 WHERE id = $2");
        vec![
            statement(1, "SELECT * FROM t WHERE a = $1", 10_000.0, 60.0),
            statement(2, &update, 1e9, 0.01),
        ]
    };
    let mut t = four_columns();
    let advised = |t: &Relation, updated: &str| ask(vec![t.clone()], asked(updated));
    assert_eq!(advised(&t, "b").advices.len(), 1, "another column");
    assert_eq!(advised(&t, "b").advices[0].pays, [], "another column");
    assert_eq!(advised(&t, "a").advices.len(), 0, "the key");
    // Updates that are HOT today would pay for the other indexes too.
    t.updates_per_day = 1e6;
    let cold = advised(&t, "a").advices[0].write_seconds_per_day;
    t.hot_updates_per_day = 1e6;
    let hot = advised(&t, "a").advices[0].write_seconds_per_day;
    assert!(
        (hot - 2.0 * cold).abs() < 1e-9,
        "{hot} and {cold}, with one other index"
    );
    assert_eq!(advised(&t, "a").advices[0].pays[0].hash, Some(2));
}

#[test]
fn three_alternatives_are_served_together() {
    let text = "SELECT * FROM t WHERE a = $1 OR b = $2 OR c = $3";
    let answer = ask(vec![four_columns()], vec![statement(1, text, OFTEN, 60.0)]);
    assert_eq!(answer.advices.len(), 3, "{:?}", answer.withheld);
}

#[test]
fn from_18_on_a_scan_skips_a_leading_column_of_few_values() {
    let mut t = table(
        "t",
        vec![
            column("a", "integer", 20.0),
            column("b", "integer", 500_000.0),
        ],
    );
    t.indexes.push(index("t", "a_b", "INDEX", "(a, b)"));
    let asked = statement(1, "SELECT * FROM t WHERE b = $1", OFTEN, 60.0);
    let mut catalog = catalog(vec![t]);
    let mut answer = |major| {
        catalog.server_major = Some(major);
        let statements = vec![asked.clone()];
        advise(&Workload { statements }, &catalog)
    };
    let create = |answer: &Answer| answer.advices.iter().any(|a| a.kind == Kind::Create);
    assert!(create(&answer(17)));
    assert!(!create(&answer(18)));
    assert!(reasons(&answer(18))[0].contains("t_a_b serves"));
}

#[test]
fn a_hash_index_serves_equality_but_no_range() {
    let mut t = four_columns();
    t.indexes.push(Index {
        method: "hash".to_owned(),
        definition: "CREATE INDEX t_h ON public.t USING hash (a)".to_owned(),
        name: "t_h".to_owned(),
        ..Index::default()
    });
    let answer = ask(vec![t.clone()], one_each(&["a"]));
    assert_eq!(statements(&answer), [""; 0]);
    let range = statement(1, "SELECT * FROM t WHERE a BETWEEN $1 AND $2", OFTEN, 60.0);
    assert_eq!(ask(vec![t], vec![range]).advices.len(), 1);
}

#[test]
fn a_subquery_for_a_value_runs_for_each_row() {
    let child = table(
        "l",
        vec![
            column("o", "integer", 100_000.0),
            column("x", "integer", -1.0),
        ],
    );
    let mut parent = table("o", Vec::new());
    (parent.rows, parent.pages) = (Some(100_000.0), Some(900.0));
    let text = "SELECT id, (SELECT sum(x) FROM l WHERE l.o = o.id) FROM o";
    let answer = ask(
        vec![child, parent],
        vec![statement(1, text, 24.0, 600_000.0)],
    );
    assert_eq!(
        statements(&answer),
        ["CREATE INDEX CONCURRENTLY l_o_idx ON public.l (o);"]
    );
}

#[test]
fn rows_of_a_partner_are_those_of_the_plan() {
    let child = table("l", vec![column("o", "integer", 100_000.0)]);
    let parent = table("o", vec![column("kind", "integer", 500_000.0)]);
    let plan = |rows: u32| {
        json_plan(&format!(
            r#"[{{"Plan": {{"Node Type": "Hash Join", "Join Type": "Inner", "Startup Cost": 1,
            "Total Cost": 40000, "Plan Rows": 20, "Plan Width": 8, "Actual Startup Time": 1,
            "Actual Total Time": 60, "Actual Rows": 9, "Actual Loops": 1, "Plans": [
            {{"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "l",
              "Alias": "l", "Startup Cost": 0, "Total Cost": 30000, "Plan Rows": 1000000,
              "Plan Width": 8, "Actual Startup Time": 0.1, "Actual Total Time": 50,
              "Actual Rows": 1000000, "Actual Loops": 1}},
            {{"Node Type": "Hash", "Parent Relationship": "Inner", "Startup Cost": 1,
              "Total Cost": 2, "Plan Rows": 2, "Plan Width": 8, "Actual Startup Time": 1,
              "Actual Total Time": 2, "Actual Rows": {rows}, "Actual Loops": 1}}]}},
            "Execution Time": 60}}]"#
        ))
    };
    let text = "SELECT * FROM l JOIN o ON l.o = o.id WHERE o.kind = $1";
    for (rows, wanted) in [(2, true), (500_000, false)] {
        let mut asked = statement(1, text, OFTEN, 60.0);
        asked.plan = Some(plan(rows));
        let answer = ask(vec![child.clone(), parent.clone()], vec![asked]);
        let is_on_child = answer.advices.iter().any(|advice| advice.relation == "l");
        assert_eq!(is_on_child, wanted, "{rows} rows: {answer:?}");
    }
}

#[test]
fn workers_that_only_read_the_table_go_with_the_scan() {
    // As measured on PostgreSQL 16: a quarter of the time is the start of the workers.
    let plan = r#"[{"Plan": {"Node Type": "Aggregate", "Startup Cost": 9000, "Total Cost": 9001,
        "Plan Rows": 1, "Plan Width": 8, "Actual Startup Time": 200, "Actual Total Time": 200,
        "Actual Rows": 1, "Actual Loops": 1, "Plans": [
        {"Node Type": "Gather", "Parent Relationship": "Outer", "Workers Planned": 2,
          "Workers Launched": 2, "Startup Cost": 1000, "Total Cost": 9000, "Plan Rows": 20,
          "Plan Width": 8, "Actual Startup Time": 40, "Actual Total Time": 199, "Actual Rows": 20,
          "Actual Loops": 1, "Plans": [
          {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Parallel Aware": true,
            "Relation Name": "t", "Alias": "t", "Startup Cost": 0, "Total Cost": 8000,
            "Plan Rows": 8, "Plan Width": 8, "Actual Startup Time": 20, "Actual Total Time": 150,
            "Actual Rows": 7, "Actual Loops": 3, "Filter": "(a = 1)",
            "Rows Removed by Filter": 333326}]}]}, "Execution Time": 200}]"#;
    let t = table("t", vec![column("a", "integer", 50_000.0)]);
    let mut asked = statement(1, "SELECT count(*) FROM t WHERE a = $1", OFTEN, 60.0);
    asked.plan = Some(json_plan(plan));
    let answer = ask(vec![t], vec![asked]);
    let saved = answer.advices[0].improvement_percent;
    assert!(saved.is_some_and(|saved| saved > 95.0), "{answer:?}");
}

#[test]
fn observed_rows_win_over_estimates() {
    // The statistics say 10 rows, a call returns 300,000.
    let mut asked = statement(1, "SELECT * FROM t WHERE a = $1", OFTEN, 60.0);
    asked.rows_per_call = Some(300_000.0);
    let answer = ask(vec![four_columns()], vec![asked.clone()]);
    assert_eq!(statements(&answer), [""; 0], "a third of the table");
    asked.rows_per_call = Some(1_000.0);
    let answer = ask(vec![four_columns()], vec![asked]);
    let confidence = answer.advices[0].confidence;
    assert!((confidence - 0.35).abs() < 1e-9, "{confidence}");
}

#[test]
fn expressions_that_are_not_understood_are_no_duplicates() {
    let mut t = four_columns();
    t.indexes.push(index("t", "one", "INDEX", "((a + b))"));
    t.indexes.push(index("t", "two", "INDEX", "((a * b))"));
    assert_eq!(ask(vec![t], Vec::new()).advices, []);
}

#[test]
fn ranges_over_ordered_rows_are_told_of_page_ranges() {
    let mut t = table("t", vec![column("at", "timestamp with time zone", -1.0)]);
    t.rows = Some(5e6);
    let asked = || vec![statement(1, "SELECT * FROM t WHERE at > $1", 10.0, 60.0)];
    let brin = |t: &Relation| ask(vec![t.clone()], asked()).advices;
    assert_eq!(brin(&t), [], "no correlation");
    t.columns[1].correlation = Some(0.99);
    let found = brin(&t);
    assert_eq!(
        found[0].statement,
        "CREATE INDEX CONCURRENTLY t_at_idx ON public.t USING brin (at);"
    );
    t.updates_per_day = 1e6;
    assert_eq!(brin(&t), [], "many updates");
}

#[test]
fn a_frequent_value_that_the_planner_knew_is_not_an_average_one() {
    let plan = |estimate: u32| {
        json_plan(&format!(
            r#"[{{"Plan": {{"Node Type": "Limit", "Total Cost": 500, "Plan Rows": 10,
            "Actual Rows": 10, "Actual Loops": 1, "Actual Total Time": 288, "Plans": [
            {{"Node Type": "Index Scan", "Relation Name": "ev", "Schema": "public",
            "Parent Relationship": "Outer", "Index Name": "ev_created", "Total Cost": 60000,
            "Plan Rows": {estimate}, "Actual Rows": 10, "Actual Loops": 1,
            "Actual Total Time": 288, "Filter": "(kind = 7)",
            "Rows Removed by Filter": 1000000}}]}}}}]"#
        ))
    };
    let asked = |estimate: u32| {
        let text = "SELECT id FROM ev WHERE kind = $1 ORDER BY created LIMIT $2";
        let mut asked = statement(7, text, 400_000.0, 288.0);
        (asked.plan, asked.rows_per_call) = (Some(plan(estimate)), Some(10.0));
        let columns = vec![
            column("kind", "integer", -0.1),
            column("created", "timestamp with time zone", -1.0),
        ];
        let mut ev = table("ev", columns);
        ev.indexes.push(index("ev", "kind", "INDEX", "(kind)"));
        ev.indexes
            .push(index("ev", "created", "INDEX", "(created)"));
        ask(vec![ev], vec![asked])
    };
    let answer = asked(20_000);
    let wanted = "CREATE INDEX CONCURRENTLY ev_kind_created_idx ON public.ev (kind, created);";
    assert_eq!(statements(&answer), [wanted], "{answer:#?}");
    let rare = asked(10);
    assert!(statements(&rare).is_empty(), "{rare:#?}");
}

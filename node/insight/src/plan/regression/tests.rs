use super::*;
use crate::plan::samples::{sample, text_plan};

const GOOD: &str = "\
Hash Join  (cost=0.00..900.00 rows=2000 width=4) (actual time=0.1..20.0 rows=2000 loops=1)
  Hash Cond: (a.id = b.id)
  Buffers: shared hit=900 read=100
  ->  Index Scan using a_x on a  (cost=0.00..9.00 rows=2000 width=4) (actual time=0.1..9.0 rows=2000 loops=1)
        Index Cond: (x = 1)
  ->  Hash  (cost=0.00..9.00 rows=50 width=4) (actual time=0.1..1.0 rows=50 loops=1)
        ->  Seq Scan on b  (cost=0.00..9.00 rows=50 width=4) (actual time=0.1..1.0 rows=50 loops=1)
Execution Time: 20.0 ms
";

/// The good plan, with a sequential scan instead of the index.
fn bad() -> String {
    let scan = "Index Scan using a_x on a  (cost=0.00..9.00 rows=2000";
    GOOD.replace(scan, "Seq Scan on a  (cost=0.00..9.00 rows=20")
        .replace("Index Cond: (x = 1)", "Filter: (x = 1)")
        .replace("20.0", "200.0")
}

fn cause(good: &str, bad: &str, change: &Change) -> CauseKind {
    compare(&text_plan(good), &text_plan(bad), change)
        .cause
        .kind
}

fn table(table: TableChange) -> Change {
    Change {
        tables: [("a".to_owned(), table)].into(),
        ..Change::default()
    }
}

#[test]
fn the_pivot_is_the_first_node_that_differs() {
    let told = compare(&text_plan(GOOD), &text_plan(&bad()), &Change::default());
    let pivot = told.pivot.unwrap();
    assert_eq!((pivot.good, pivot.bad), (1, 1));
    assert_eq!(pivot.was, "Index Scan using a_x on a");
    assert_eq!(pivot.is, "Seq Scan on a");
    let plan = sample("cte");
    assert_eq!(compare(&plan, &plan, &Change::default()).pivot, None);
    let more = GOOD.replace("Hash Join", "Merge Join");
    let told = compare(&text_plan(GOOD), &text_plan(&more), &Change::default());
    assert_eq!(told.pivot.map(|pivot| pivot.good), Some(0));
}

#[test]
fn below_an_append_the_names_of_partitions_do_not_matter() {
    let member = |name: &str| format!("  ->  {name}  (cost=0.00..1.00 rows=1 width=4)\n");
    let append = |first, second| {
        let members = member(first) + &member(second);
        text_plan(&format!(
            "Append  (cost=0.00..1.00 rows=1 width=4)\n{members}"
        ))
    };
    let good = append("Seq Scan on ev_1", "Index Scan using ev_2_t on ev_2");
    let bad = append("Seq Scan on ev_3", "Bitmap Heap Scan on ev_4");
    let pivot = compare(&good, &bad, &Change::default()).pivot.unwrap();
    assert_eq!(
        (pivot.good, pivot.is.as_str()),
        (2, "Bitmap Heap Scan on ev_4")
    );
    let moved = append("Seq Scan on ev_3", "Index Scan using ev_4_t on ev_4");
    assert_eq!(compare(&good, &moved, &Change::default()).pivot, None);
}

#[test]
fn what_the_planner_was_told_is_a_cause() {
    let bad = bad();
    let lost = Change {
        lost_indexes: ["a_x".to_owned()].into(),
        ..Change::default()
    };
    let events = Change {
        events: vec!["version 18".to_owned()],
        ..Change::default()
    };
    let analyzed = table(TableChange {
        was_analyzed: Some(true),
        ..TableChange::default()
    });
    let stale = table(TableChange {
        changed_rows: Some(5000.0),
        changed_share: Some(0.5),
        ..TableChange::default()
    });
    let grown = table(TableChange {
        pages_factor: Some(1.5),
        ..TableChange::default()
    });
    let setting = format!("{bad}Settings: random_page_cost = '9'\n");
    let told = [("work_mem".to_owned(), ("4MB".to_owned(), "1MB".to_owned()))].into();
    let settings = Change {
        settings: told,
        ..Change::default()
    };
    let generic = bad.replace("(x = 1)", "(x = $1)");
    let none = Change::default();
    for (name, bad, change, want) in [
        ("index", &bad, &lost, CauseKind::IndexGone),
        (
            "setting of the plan",
            &setting,
            &none,
            CauseKind::SettingChanged,
        ),
        (
            "setting of the server",
            &bad,
            &settings,
            CauseKind::SettingChanged,
        ),
        ("event", &bad, &events, CauseKind::SchemaChanged),
        ("analyzed", &bad, &analyzed, CauseKind::StatisticsChanged),
        ("stale", &bad, &stale, CauseKind::StatisticsStale),
        ("generic", &generic, &none, CauseKind::GenericPlan),
        ("grown", &bad, &grown, CauseKind::DataGrew),
        ("unknown", &bad, &none, CauseKind::Unknown),
    ] {
        assert_eq!(cause(GOOD, bad, change), want, "{name}");
    }
}

#[test]
fn skew_needs_right_estimates() {
    let change = Change {
        both_in_one_hour: Some(true),
        ..Change::default()
    };
    let right = bad().replace("rows=20 ", "rows=2000 ");
    assert_eq!(cause(GOOD, &right, &change), CauseKind::ParameterSkew);
    assert_eq!(cause(GOOD, &bad(), &change), CauseKind::Unknown);
}

#[test]
fn an_old_structure_that_is_cheaper_did_not_grow_out_of_use() {
    let grown = table(TableChange {
        pages_factor: Some(1.5),
        ..TableChange::default()
    });
    let cheaper = Change {
        old_structure_cost: Some(100.0),
        ..grown
    };
    assert_eq!(cause(GOOD, &bad(), &cheaper), CauseKind::Unknown);
}

#[test]
fn the_same_plan_that_does_more_or_waits_is_told_apart() {
    let good = Means {
        time_ms: Some(100.0),
        rows: Some(100.0),
        blocks: Some(1000.0),
        blocks_read: Some(10.0),
        ..Means::default()
    };
    let slow = Means {
        time_ms: Some(200.0),
        ..good
    };
    let more_rows = Means {
        rows: Some(190.0),
        blocks: Some(1800.0),
        ..slow
    };
    let more_blocks = Means {
        blocks: Some(1800.0),
        ..slow
    };
    let colder = Means {
        blocks_read: Some(500.0),
        ..slow
    };
    for (bad, wait, want) in [
        (more_rows, None, CauseKind::MoreRows),
        (more_blocks, None, CauseKind::MoreBlocks),
        (colder, None, CauseKind::Colder),
        (slow, Some("a lock"), CauseKind::Waiting),
        (slow, None, CauseKind::Unknown),
    ] {
        let wait = wait.map(str::to_owned);
        let change = Change {
            good: Some(good),
            bad: Some(bad),
            wait,
            ..Change::default()
        };
        assert_eq!(cause(GOOD, GOOD, &change), want, "{bad:?}");
    }
}

#[test]
fn later_causes_contribute_and_the_largest_differences_are_told() {
    let mut change = table(TableChange {
        pages_factor: Some(1.5),
        ..TableChange::default()
    });
    change.lost_indexes = ["a_x".to_owned()].into();
    let worse = bad().replace("hit=900 read=100", "hit=900 read=9100");
    let told = compare(&text_plan(GOOD), &text_plan(&worse), &change);
    assert_eq!(told.cause.kind, CauseKind::IndexGone);
    let kinds: Vec<CauseKind> = told.contributing.iter().map(|cause| cause.kind).collect();
    assert_eq!(kinds, [CauseKind::DataGrew]);
    let names: Vec<&str> = told
        .differences
        .iter()
        .map(|difference| difference.name)
        .collect();
    assert_eq!(names, ["blocks read", "blocks"]);
    let unknown = compare(&text_plan(GOOD), &text_plan(&worse), &Change::default());
    assert!(
        unknown
            .cause
            .evidence
            .starts_with("blocks read: 100, now 9100")
    );
}

use serde_json::json;

use super::samples::{SAMPLES, json_plan, sample, text_plan};
use super::*;

/// Figures that the text leaves out when they are zero.
fn figures(node: &PlanNode) -> Vec<f64> {
    let work = &node.work;
    let told = [
        work.sort_disk_kib,
        work.hash_batches,
        work.hash_batches_planned,
        work.aggregate_batches,
        work.lossy_blocks,
        work.exact_blocks,
        work.cache_misses,
        work.workers_launched,
        work.heap_fetches,
    ];
    told.iter().map(|figure| figure.unwrap_or(0.0)).collect()
}

#[test]
fn text_and_json_give_the_same_tree() {
    for (name, text, json) in SAMPLES {
        let (text, json) = (text_plan(text), json_plan(json));
        let structures = (text.structure(), json.structure());
        let (text, json) = (&text.root.preorder(), &json.root.preorder());
        assert_eq!(text.len(), json.len(), "{name}");
        for (one, other) in text.iter().zip(json) {
            let at = format!("{name}: {}", other.title());
            assert_eq!((one.id, one.role), (other.id, other.role), "{at}");
            // Text tells it with VERBOSE only.
            let shape = Shape {
                inner_unique: false,
                ..other.shape.clone()
            };
            assert_eq!((&one.target, &one.shape), (&other.target, &shape), "{at}");
            assert_eq!(
                (&one.keys, &one.conditions),
                (&other.keys, &other.conditions),
                "{at}"
            );
            assert_eq!(one.estimate, other.estimate, "{at}");
            assert_eq!(one.rows(), other.rows(), "{at}");
            assert_eq!(one.removed_by_filter(), other.removed_by_filter(), "{at}");
            assert_eq!(figures(one), figures(other), "{at}");
            assert_eq!(one.buffers.is_some(), other.buffers.is_some(), "{at}");
        }
        assert_eq!(structures.0, structures.1, "{name}");
    }
}

#[test]
fn own_times_add_up_to_the_whole() {
    for (name, text, json) in SAMPLES {
        for plan in [text_plan(text), json_plan(json)] {
            let nodes = plan.root.preorder();
            let own: f64 = nodes.iter().filter_map(|node| node.self_wall_ms()).sum();
            let whole = plan.root.wall_ms().unwrap();
            assert!((own / whole - 1.0).abs() < 0.15, "{name}: {own} of {whole}");
        }
    }
}

#[test]
fn a_cte_is_charged_to_its_first_scan() {
    let plan = sample("cte");
    let scans: Vec<&PlanNode> = plan
        .root
        .preorder()
        .into_iter()
        .filter(|node| node.kind == "CTE Scan")
        .collect();
    let producer = plan.root.preorder()[1].wall_ms().unwrap();
    let first = scans[0].actual.unwrap();
    assert_eq!(
        first.self_ms,
        Some((first.total_ms.unwrap() - producer).max(0.0))
    );
    let second = scans[1].actual.unwrap();
    assert_eq!(second.self_ms, second.total_ms);
}

#[test]
fn workers_share_the_time_below_a_gather() {
    let plan = sample("parallel");
    let scan = plan
        .root
        .preorder()
        .into_iter()
        .find(|node| node.kind == "Seq Scan")
        .unwrap();
    assert_eq!(scan.actual.unwrap().processes, 3.0);
    assert!(plan.total_share(scan).unwrap() <= 1.0);
    assert_eq!(plan.settings["parallel_setup_cost"], "0");
}

#[test]
fn the_structure_ignores_what_varies() {
    let base = "Seq Scan on t x  (cost=0.00..1.00 rows=1 width=4)\n  Filter: ((x.a = 1) AND (x.b = 'u'::text))";
    for (name, other) in [
        (
            "alias and constants",
            "Seq Scan on t y  (cost=0.00..9.00 rows=7 width=4)\n  Filter: ((y.b = 'v'::text) AND (y.a = 2))",
        ),
        (
            "parameters",
            "Seq Scan on t x  (cost=0.00..1.00 rows=1 width=4)\n  Filter: ((x.a = $1) AND (x.b = $2))",
        ),
        (
            "psql",
            "   QUERY PLAN\n------\n Seq Scan on t x  (cost=0.00..1.00 rows=1 width=4)\n   Filter: ((x.a = 1) AND (x.b = 'u'::text))\n(2 rows)",
        ),
        (
            "auto_explain",
            "duration: 1.0 ms  plan:\nQuery Text: select *\n  from t\nSeq Scan on t x  (cost=0.00..1.00 rows=1 width=4)\n  Filter: ((x.a = 1) AND (x.b = 'u'::text))",
        ),
    ] {
        assert_eq!(
            text_plan(base).structure(),
            text_plan(other).structure(),
            "{name}"
        );
    }
    for other in [
        base.replace("Seq", "Tid"),
        base.replace("on t", "on u"),
        base.replace("x.b =", "x.b >"),
    ] {
        assert_ne!(
            text_plan(base).structure(),
            text_plan(&other).structure(),
            "{other}"
        );
    }
}

#[test]
fn the_number_of_partitions_matters_by_its_class() {
    let append = |children: usize| {
        let line = |n| format!("  ->  Seq Scan on ev_{n}  (cost=0.00..1.00 rows=1 width=4)\n");
        let lines: String = (0..children).map(line).collect();
        text_plan(&format!(
            "Append  (cost=0.00..1.00 rows=1 width=4)\n{lines}"
        ))
        .structure()
    };
    assert_eq!(append(2), append(8));
    assert_eq!(append(9), append(200));
    assert_ne!(append(8), append(9));
    assert_ne!(append(1), append(2));
}

#[test]
fn the_contract_is_computed_from_the_tree() {
    let told = Contract::of(&sample("cte"));
    assert!(told.has_seq_scan && told.has_bitmap_scan && told.has_nested_loop);
    assert!(
        !told.has_index_scan,
        "a bitmap's index is not an index scan"
    );
    assert_eq!((told.rows_expected, told.rows_actual), (50.0, Some(50.0)));
    assert!(told.total_buffers_hit.unwrap() > 5000.0 && told.execution_duration_ms.is_some());
}

#[test]
fn the_names_that_collectors_give_are_read() {
    let node = json!({"Node Type": "Seq Scan", "Relation Name": "t", "Plan Rows": 3});
    for (name, document) in [
        ("node", node.clone()),
        ("explain", json!([{"Plan": node, "Execution Time": 5.0}])),
        ("collector", json!({"plan": node, "execution_time_ms": 5.0})),
        (
            "server",
            json!({"plan_json": {"Plan": node}, "execution_duration_ms": 5.0}),
        ),
    ] {
        let plan = parse_json(&document).unwrap();
        assert_eq!(plan.root.estimate.rows, 3.0, "{name}");
        assert_eq!(plan.execution_ms, (name != "node").then_some(5.0), "{name}");
    }
}

#[test]
fn what_is_no_plan_is_refused() {
    assert_eq!(parse_text("hello\n  there"), Err(Error::NoPlan));
    for document in [
        json!(null),
        json!([]),
        json!({"Plan": 1}),
        json!({"plan_json": {}}),
    ] {
        assert_eq!(parse_json(&document), Err(Error::NoPlan), "{document}");
    }
    let unnamed = json!({"Node Type": "Limit", "Plans": [{"Plan Rows": 1}]});
    assert_eq!(parse_json(&unnamed), Err(Error::NoNodeType { id: 1 }));
    let deep: String = (0..600)
        .map(|n| {
            format!(
                "{}->  Limit  (cost=0..1 rows=1 width=1)\n",
                " ".repeat(n * 6)
            )
        })
        .collect();
    assert!(matches!(parse_text(&deep), Err(Error::TooDeep { .. })));
}

#[test]
fn a_path_leads_to_its_node() {
    let plan = sample("cte");
    for node in plan.root.preorder() {
        let path = plan.path(node.id);
        assert_eq!(path.last().map(|last| last.id), Some(node.id));
        assert!(
            path.windows(2)
                .all(|pair| pair[0].children.iter().any(|c| c.id == pair[1].id))
        );
    }
    assert!(plan.path(99).is_empty());
}

#[test]
fn footers_are_read() {
    let plan = text_plan(
        "Update on t  (cost=0.00..1.00 rows=0 width=0) (actual time=0.1..0.1 rows=0 loops=1)\n\
         Planning Time: 1.500 ms\n\
         JIT:\n  Functions: 3\n  Timing: Generation 1.0 ms, Inlining 0.0 ms, Total 4.500 ms\n\
         Trigger for constraint t_fk on t: time=12.500 calls=3\n\
         Execution Time: 20.000 ms\n",
    );
    assert_eq!(
        (plan.planning_ms, plan.execution_ms),
        (Some(1.5), Some(20.0))
    );
    assert_eq!(plan.jit.map(|jit| jit.total_ms), Some(4.5));
    assert_eq!(plan.triggers[0].constraint.as_deref(), Some("t_fk"));
    assert_eq!(
        (plan.triggers[0].time_ms, plan.triggers[0].calls),
        (12.5, 3.0)
    );
}

#[test]
fn a_plan_that_is_stored_holds_no_constants() {
    let plan = text_plan(
        "Sort  (cost=0.00..1.00 rows=1 width=4)\n\
         \x20 Sort Key: (CASE WHEN (name = 'secret'::text) THEN 4711 ELSE 0 END) DESC\n\
         \x20 ->  Foreign Scan on far  (cost=0.00..1.00 rows=1 width=4)\n\
         \x20       Filter: (f(name) = 'secret'::text)\n\
         \x20       Remote SQL: SELECT id FROM far WHERE ((name = 'secret')) AND ((id = 4711))\n",
    );
    let stored = serde_json::to_string(&plan).unwrap();
    assert!(
        !stored.contains("secret") && !stored.contains("4711"),
        "{stored}"
    );
    assert!(plan.root.keys.sort[0].ends_with("DESC"), "{stored}");
}

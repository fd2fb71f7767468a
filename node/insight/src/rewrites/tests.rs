//! What holds for every rewrite, of statements put together at random.

use proptest::prelude::*;

use super::testing::schema;
use super::*;
use crate::plan::samples::text_plan;
use crate::{FingerprintKind, fingerprint};

const LISTS: [&str; 8] = [
    "id",
    "DISTINCT t.id, t.kind",
    "t.*",
    "count(*)",
    "id, (SELECT sum(x) FROM l WHERE l.t_id = t.id)",
    "id, (SELECT count(*) FROM l WHERE l.t_id = t.id) > 0 AS has",
    "$4 AS kind, t.id",
    "DISTINCT t.st",
];
const FROMS: [&str; 6] = [
    "t",
    "t JOIN l ON l.t_id = t.id",
    "t LEFT JOIN l ON l.t_id = t.id AND l.y = $5",
    "t, l",
    "(SELECT * FROM t WHERE a = 1 ORDER BY b) t",
    "t LEFT JOIN (l JOIN q ON q.a = l.x) ON l.t_id = t.id",
];
const TERMS: [&str; 22] = [
    "t.id NOT IN (SELECT t_id FROM l)",
    "t.a NOT IN (SELECT x FROM l WHERE l.y = t.b ORDER BY x)",
    "t.a IN (SELECT x FROM l)",
    "(t.a = 1 OR t.a = $6 OR t.a = 3)",
    "(t.a = $7 OR t.b = $8 OR t.a = $9 OR t.a = $10)",
    "t.created::date = '2026-01-02'",
    "t.seen::date >= $11",
    "date_trunc('week', t.created) = $12",
    "extract(year FROM t.created) = 2026",
    "t.a + 1 < 5",
    "coalesce(t.a, $13) = $14",
    "t.id::text = $15",
    "(t.a = $16 OR t.b = $17)",
    "l.x = $18",
    "l.x IS NULL",
    "(SELECT count(*) FROM l m WHERE m.t_id = t.id) = 0",
    "NOT (SELECT count(*) FROM l m WHERE m.t_id = t.id) > 0",
    "EXISTS (SELECT 1 FROM l m WHERE m.x = t.a ORDER BY m.y)",
    "t.st LIKE '%x%'",
    "t.b IN ($19, $20, $21)",
    "t.b NOT IN (1, 2, 3)",
    "(t.a IN (SELECT x FROM l) OR (t.b = 1 AND t.id NOT IN (SELECT t_id FROM l)))",
];
const TAILS: [&str; 6] = [
    "",
    "ORDER BY t.id LIMIT 20 OFFSET 5000",
    "ORDER BY t.created DESC, t.id DESC OFFSET 5000",
    "UNION SELECT id FROM l",
    "UNION SELECT DISTINCT x FROM l ORDER BY 1",
    "LIMIT $22",
];
const PLAN: &str = "\
Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=50 loops=1)
  Filter: ((a = 1) OR (b = 1))
  Rows Removed by Filter: 5000
  SubPlan 1
    ->  Seq Scan on l  (cost=0.00..9.00 rows=9 width=4) (actual time=0.001..0.002 rows=1 loops=5000)
Execution Time: 100.0 ms
";

fn statement() -> impl Strategy<Value = String> {
    let terms = prop::sample::subsequence(TERMS.to_vec(), 0..4);
    let write = prop::option::of(prop::sample::select(vec![
        "UPDATE t SET a = 1",
        "DELETE FROM t",
    ]));
    (
        prop::sample::select(LISTS.to_vec()),
        prop::sample::select(FROMS.to_vec()),
        terms,
        prop::sample::select(TAILS.to_vec()),
        write,
    )
        .prop_map(|(list, from, terms, tail, write)| {
            let condition = if terms.is_empty() {
                String::new()
            } else {
                format!(" WHERE {}", terms.join(" AND "))
            };
            match write {
                Some(write) => format!("{write}{condition}"),
                None => format!("SELECT {list} FROM {from}{condition} {tail}"),
            }
        })
}

/// Numbers of the parameters of a text.
fn parameters(sql: &str) -> Vec<u32> {
    let after = sql.split('$').skip(1);
    let digits = after.map(|of| {
        of.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
    });
    digits.filter_map(|of| of.parse().ok()).collect()
}

/// Checks one statement; answers the rules that had a rewrite.
fn check(sql: &str, facts: &Facts<'_>) -> Vec<String> {
    let original = fingerprint(sql);
    assert_eq!(original.kind, FingerprintKind::Parser, "{sql}");
    let own = parameters(sql);
    let highest = own.iter().max().copied().unwrap_or(0);
    let mut rewriting = Vec::new();
    for finding in rewrites(sql, facts) {
        let Some(rewritten) = finding.rewritten else {
            continue;
        };
        let told = fingerprint(&rewritten);
        assert_eq!(told.kind, FingerprintKind::Parser, "{rewritten}");
        // Equalities, a list and an array have one fingerprint.
        if matches!(finding.rule.as_str(), "w2" | "w5") {
            assert_ne!(rewritten, sql);
        } else {
            assert_ne!(
                told.hash, original.hash,
                "{} {sql}\n{rewritten}",
                finding.rule
            );
        }
        for number in parameters(&rewritten) {
            assert!(
                own.contains(&number) || number > highest,
                "{sql}\n{rewritten}"
            );
        }
        rewriting.push(finding.rule);
    }
    rewriting
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn rewrites_parse_and_differ(sql in statement(), has_plan: bool, many: bool) {
        let schema = schema();
        let plan = text_plan(PLAN);
        let calls = Calls {
            families_by_length: many.then_some(50),
            ..Calls::default()
        };
        check(&sql, &Facts {
            plan: Some(&plan).filter(|_| has_plan),
            schema: Some(&schema),
            calls,
        });
        check(&sql, &Facts { calls, ..Facts::default() });
    }
}

#[test]
fn the_property_reaches_the_rules() {
    let schema = schema();
    let facts = Facts {
        schema: Some(&schema),
        calls: Calls {
            families_by_length: Some(50),
            ..Calls::default()
        },
        ..Facts::default()
    };
    let mut reached: Vec<String> = TERMS
        .iter()
        .flat_map(|term| {
            let sql =
                format!("SELECT DISTINCT t.id FROM t LEFT JOIN l ON l.t_id = t.id WHERE {term}");
            check(&sql, &facts)
        })
        .collect();
    for (list, from, tail) in [
        (LISTS[4], FROMS[0], TAILS[0]),
        (LISTS[1], FROMS[1], TAILS[0]),
        (LISTS[0], FROMS[0], TAILS[1]),
        (LISTS[0], FROMS[4], "ORDER BY t.id"),
        ("id, 1", FROMS[0], "UNION SELECT id, 2 FROM l"),
    ] {
        reached.extend(check(&format!("SELECT {list} FROM {from} {tail}"), &facts));
    }
    reached.sort();
    reached.dedup();
    let want = [
        "w1", "w10", "w11", "w12", "w13", "w2", "w3", "w3b", "w5", "w6", "w7", "w8", "w9",
    ];
    assert_eq!(reached, want);
}

#[test]
fn rules_have_numbers_in_order() {
    let ids: Vec<&str> = rules().into_iter().map(|(id, _)| id).collect();
    let want = [
        "w1", "w2", "w3", "w3b", "w4", "w5", "w6", "w7", "w8", "w9", "w10", "w11", "w12", "w13",
        "w14", "w17", "w15", "w16",
    ];
    assert_eq!(ids, want);
}

#[test]
fn texts_that_are_no_statement_or_huge_do_no_harm() {
    for sql in [
        "",
        "SELECT id FROM t WHERE a = 1 OR a = ",
        "SELECT 1; SELECT 2",
        "VACUUM t",
        "SELECT id FROM t WHERE a = ? OR a = ? OR a = ?",
    ] {
        assert_eq!(rewrites(sql, &Facts::default()), [], "{sql}");
    }
    let many = vec!["a + 1 = 5"; 5_000].join(" OR ");
    let sql = format!("SELECT id FROM t WHERE {many}");
    let schema = schema();
    let facts = Facts {
        schema: Some(&schema),
        ..Facts::default()
    };
    assert_eq!(rewrites(&sql, &facts).len(), 8);
    let deep = format!("SELECT {}1", "- ".repeat(3_000));
    assert_eq!(rewrites(&deep, &Facts::default()), []);
}

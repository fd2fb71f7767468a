//! What statements are read to ask for, as indexes that come of it.

use super::world::{ask, catalog, column, index, reasons, statement, statements, table};
use crate::index_advice::{Relation, Statement, View, Workload, advise};

const OFTEN: f64 = 1_440_000.0;

/// Orders and their customers, of which there are many; nothing is indexed but keys.
fn shop() -> Vec<Relation> {
    let orders = vec![
        column("customer_id", "integer", 100_000.0),
        column("day", "date", 3_000.0),
        column("state", "text", 100.0),
        column("Total", "integer", 500_000.0),
        column("is_paid", "boolean", 2.0),
        column("tags", "text[]", 1_000.0),
        column("doc", "jsonb", -1.0),
        column("name", "text", -1.0),
    ];
    vec![
        table("orders", orders),
        table("customers", vec![column("email", "text", -1.0)]),
    ]
}

fn advised(text: &str) -> Vec<String> {
    let answer = ask(shop(), vec![statement(1, text, OFTEN, 60.0)]);
    assert_eq!(answer.unread, [0_i64; 0], "{text}");
    let create = |statement: &&str| statement.replace("CREATE INDEX CONCURRENTLY ", "");
    statements(&answer).iter().map(create).collect()
}

fn assert_advised(cases: &[(&str, &str)]) {
    for (text, wanted) in cases {
        let found = advised(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        let ending = format!("ON public.orders {wanted};");
        assert!(found[0].ends_with(&ending), "{text}: {found:?}");
    }
}

#[test]
fn conditions_of_many_forms_ask_for_an_index() {
    let customer = "(customer_id)";
    assert_advised(&[
        (
            "SELECT * FROM orders o WHERE o.customer_id IN ($1, $2)",
            customer,
        ),
        (
            "SELECT * FROM orders WHERE customer_id = ANY ($1)",
            customer,
        ),
        (
            "SELECT * FROM public.orders WHERE $1 = customer_id",
            customer,
        ),
        (
            "SELECT * FROM orders WHERE (customer_id, day) = ($1, $2)",
            customer,
        ),
        ("SELECT * FROM orders WHERE \"Total\" = $1", "(\"Total\")"),
        (
            "SELECT * FROM orders WHERE \"Total\" BETWEEN $1 AND $2",
            "(\"Total\")",
        ),
        (
            "SELECT * FROM orders WHERE name LIKE 'abc%'",
            "(name text_pattern_ops)",
        ),
        (
            "SELECT * FROM orders WHERE name ^@ $1",
            "(name text_pattern_ops)",
        ),
        (
            "SELECT * FROM orders WHERE doc ->> 'k' = $1",
            "((doc ->> 'k'))",
        ),
        (
            "SELECT * FROM orders WHERE doc @> $1",
            "USING gin (doc jsonb_path_ops)",
        ),
        ("SELECT * FROM orders WHERE tags && $1", "USING gin (tags)"),
    ]);
}

#[test]
fn orders_and_queries_within_ask_for_an_index() {
    let customer = "(customer_id)";
    let mixed = "(day DESC, \"Total\")";
    assert_advised(&[
        (
            "UPDATE orders SET state = $1 WHERE customer_id = $2",
            customer,
        ),
        ("DELETE FROM orders WHERE customer_id = $1", customer),
        (
            "SELECT * FROM (SELECT * FROM orders) x WHERE x.customer_id = $1",
            customer,
        ),
        (
            "SELECT * FROM (SELECT customer_id AS c FROM orders) x WHERE c = $1",
            customer,
        ),
        (
            "WITH x AS (SELECT * FROM orders) SELECT * FROM x WHERE customer_id = $1",
            customer,
        ),
        (
            "SELECT 1 UNION ALL SELECT id FROM orders WHERE customer_id = $1",
            customer,
        ),
        (
            "SELECT max(\"Total\") FROM orders WHERE state = $1",
            "(state, \"Total\")",
        ),
        (
            "SELECT * FROM orders ORDER BY day DESC, \"Total\" LIMIT 5",
            mixed,
        ),
        (
            "SELECT * FROM orders ORDER BY day DESC NULLS LAST LIMIT 5",
            "(day DESC NULLS LAST)",
        ),
    ]);
}

#[test]
fn conditions_that_no_index_serves_ask_for_none() {
    for text in [
        "SELECT * FROM orders WHERE customer_id <> $1",
        "SELECT * FROM orders WHERE customer_id NOT IN ($1, $2)",
        "SELECT * FROM orders WHERE customer_id + 1 = $1",
        "SELECT * FROM orders WHERE is_paid",
        "SELECT * FROM orders WHERE \"Total\" > $1",
        "SELECT * FROM orders WHERE customer_id = \"Total\"",
        "SELECT * FROM orders WHERE NOT (customer_id = $1)",
        "SELECT * FROM orders WHERE customer_id = $1 OR state <> $2",
        "SELECT count(*) FROM orders",
        "SELECT * FROM orders WHERE name LIKE $1",
        "INSERT INTO orders (customer_id) VALUES ($1)",
        "SELECT state, count(*) FROM orders GROUP BY state",
        "SELECT * FROM (SELECT * FROM orders LIMIT 10) x WHERE x.customer_id = $1",
        "SELECT * FROM customers c LEFT JOIN orders o ON o.id = c.id WHERE o.state IS NULL",
        "SELECT * FROM unknown WHERE a = $1",
        "VACUUM orders",
    ] {
        assert_eq!(advised(text), [""; 0], "{text}");
    }
}

#[test]
fn alternatives_are_served_together_or_not_at_all() {
    let both = "SELECT * FROM orders WHERE customer_id = $1 OR \"Total\" = $2";
    let mut found = advised(both);
    found.sort();
    assert_eq!(
        found,
        [
            "\"orders_Total_idx\" ON public.orders (\"Total\");",
            "orders_customer_id_idx ON public.orders (customer_id);",
        ]
    );
    let half = "SELECT * FROM orders WHERE customer_id = $1 OR is_paid";
    assert_eq!(advised(half), [""; 0]);
}

#[test]
fn subqueries_join_what_they_correlate_with() {
    let exists = "SELECT * FROM customers c WHERE c.email = $1 AND EXISTS \
                  (SELECT 1 FROM orders o WHERE o.customer_id = c.id)";
    let latest = "SELECT * FROM customers c, LATERAL (SELECT * FROM orders o \
                  WHERE o.customer_id = c.id ORDER BY o.day DESC LIMIT 1) x WHERE c.email = $1";
    let member = "SELECT * FROM orders WHERE customer_id IN \
                  (SELECT id FROM customers WHERE email = $1)";
    let using = "SELECT * FROM customers c JOIN (SELECT customer_id AS id FROM orders) o \
                 USING (id) WHERE email = $1";
    for text in [exists, latest, member, using] {
        let found = advised(text);
        let on_orders = |found: &&String| found.contains("ON public.orders (customer_id");
        assert_eq!(
            found.iter().filter(on_orders).count(),
            1,
            "{text}: {found:?}"
        );
        let on_customers = |found: &&String| found.contains("ON public.customers (email)");
        assert_eq!(
            found.iter().filter(on_customers).count(),
            1,
            "{text}: {found:?}"
        );
    }
}

#[test]
fn views_are_followed_to_their_tables() {
    let mut catalog = catalog(shop());
    catalog.views.push(View {
        schema: "public".to_owned(),
        name: "open_orders".to_owned(),
        definition: "SELECT o.customer_id AS c, o.day FROM orders o;".to_owned(),
    });
    let statements = vec![statement(
        1,
        "SELECT * FROM open_orders WHERE c = $1",
        OFTEN,
        60.0,
    )];
    let answer = advise(&Workload { statements }, &catalog);
    assert_eq!(answer.advices[0].keys[0].text(), "customer_id");
}

#[test]
fn columns_are_carried_where_an_index_alone_then_answers() {
    let mut shop = shop();
    shop[0].all_visible_share = Some(0.99);
    let text = "SELECT \"Total\" FROM orders WHERE day = $1";
    let answer = ask(shop.clone(), vec![statement(1, text, OFTEN, 60.0)]);
    assert_eq!(answer.advices[0].include, ["Total"]);
    assert!(
        answer.advices[0]
            .statement
            .ends_with("(day) INCLUDE (\"Total\");")
    );
    shop[0].all_visible_share = Some(0.5);
    let answer = ask(shop, vec![statement(1, text, OFTEN, 60.0)]);
    assert_eq!(answer.advices[0].include, [""; 0]);
}

#[test]
fn gates_withhold_what_is_not_worth_it() {
    let text = "SELECT * FROM orders WHERE customer_id = $1";
    let rare = Statement {
        observed_days: 1.0,
        ..statement(1, text, 900.0, 1_000.0)
    };
    let seldom = statement(1, text, 10.0, 60.0);
    let mut failed = shop();
    failed[0].indexes.push(crate::index_advice::Index {
        is_valid: false,
        is_in_progress: true,
        ..index("orders", "building", "INDEX", "(customer_id)")
    });
    let mut parted = shop();
    parted[0].is_partitioned = true;
    let often = statement(1, text, OFTEN, 60.0);
    for (name, relations, asked, wanted) in [
        ("seen once", shop(), rare, "fewer than 2 days"),
        ("seldom", shop(), seldom, "less than 60"),
        (
            "being built",
            failed,
            often.clone(),
            "invalid or being built",
        ),
        ("partitioned", parted, often, "partitioned"),
    ] {
        let answer = ask(relations, vec![asked]);
        assert_eq!(statements(&answer), [""; 0], "{name}");
        assert!(
            reasons(&answer)[0].contains(wanted),
            "{name}: {:?}",
            answer.withheld
        );
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    let texts = [
        "SELECT FROM WHERE",
        "SELECT * FROM orders WHERE customer_id = $1",
    ];
    let asked = texts
        .iter()
        .zip(1..)
        .map(|(text, hash)| statement(hash, text, OFTEN, 60.0));
    let answer = ask(shop(), asked.collect());
    assert_eq!(answer.unread, [1]);
    assert_eq!(answer.advices.len(), 1);
}

#[test]
fn equal_input_gives_equal_output() {
    let texts = [
        "SELECT * FROM orders WHERE customer_id = $1 AND day > $2",
        "SELECT * FROM orders WHERE day = $1 AND state = $2 ORDER BY \"Total\"",
        "SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.email = $1",
        "UPDATE orders SET day = $1 WHERE name = $2",
    ];
    let asked: Vec<Statement> = texts
        .iter()
        .zip(1..)
        .map(|(text, hash)| statement(hash, text, OFTEN, 60.0))
        .collect();
    let answer = ask(shop(), asked.clone());
    assert_eq!(answer, ask(shop(), asked));
    let json = serde_json::to_string(&answer).expect("JSON");
    assert_eq!(
        serde_json::from_str::<crate::index_advice::Answer>(&json).expect("an answer"),
        answer
    );
}

#[test]
fn deep_and_long_statements_are_read_or_refused() {
    let nested = |depth: usize| {
        let open = "SELECT * FROM (".repeat(depth);
        let close = ") x".repeat(depth);
        format!("{open}SELECT * FROM orders WHERE customer_id = $1{close}")
    };
    let not = format!(
        "SELECT * FROM orders WHERE {} is_paid",
        "NOT (".repeat(1_500)
    );
    let not = not + &")".repeat(1_500);
    let long = |word: &str| vec![format!("customer_id {word}"); 20_000];
    let or = format!("SELECT * FROM orders WHERE {}", long("= 1").join(" OR "));
    let and = format!("SELECT * FROM orders WHERE {}", long("<> 1").join(" AND "));
    let plus = format!("SELECT {} FROM orders", vec!["id"; 20_000].join(" + "));
    for text in [nested(50), nested(900), nested(3_000), not, or, and, plus] {
        let answer = ask(shop(), vec![statement(1, &text, OFTEN, 60.0)]);
        let is_told = answer.unread == [1] || !answer.withheld.is_empty();
        let start = text.get(..60).unwrap_or(&text);
        assert!(is_told || answer.advices.len() <= 1, "{start}: {answer:?}");
    }
    let answer = ask(shop(), vec![statement(1, &nested(50), OFTEN, 60.0)]);
    assert_eq!(answer.advices.len(), 1, "{answer:?}");
}

use super::*;

fn hash(sql: &str) -> i64 {
    let told = fingerprint(sql);
    assert_eq!(told.kind, FingerprintKind::Parser, "{sql}");
    told.hash
}

/// Names of what does not matter, each with statements that differ in it only.
const SAME: &[(&str, &[&str])] = &[
    (
        "list length",
        &[
            "SELECT 1 FROM t WHERE a IN (1)",
            "SELECT 1 FROM t WHERE a IN (1,2,3)",
            "SELECT 1 FROM t WHERE a IN ($1,$2)",
            "SELECT 1 FROM t WHERE a = ANY($1)",
        ],
    ),
    (
        "rows",
        &[
            "INSERT INTO t VALUES (1,2)",
            "INSERT INTO t VALUES (1,2),(3,4)",
        ],
    ),
    (
        "columns",
        &[
            "INSERT INTO t (a,b) VALUES (1,2)",
            "INSERT INTO t (b,a) VALUES (1,2)",
        ],
    ),
    (
        "terms",
        &[
            "SELECT 1 FROM t WHERE a=1 AND b=2",
            "SELECT 1 FROM t WHERE b=1 AND a=2",
        ],
    ),
    ("select list", &["SELECT a, b FROM t", "SELECT b, a FROM t"]),
    (
        "arguments",
        &["SELECT f(a,b) FROM t", "SELECT f(b,a) FROM t"],
    ),
    ("set", &["SET a=1", "SET a=2"]),
    ("deallocate", &["DEALLOCATE p1", "DEALLOCATE p2"]),
    ("savepoint", &["SAVEPOINT s1", "SAVEPOINT s2"]),
    (
        "dress",
        &["SELECT a FROM t", "select /* x */ A\n from T -- y"],
    ),
    (
        "literals",
        &["SELECT 'x' FROM t", "SELECT $1 FROM t", "SELECT 1.5 FROM t"],
    ),
    (
        "aliases",
        &[
            "SELECT 1 FROM orders o WHERE id=1",
            "SELECT 1 FROM orders WHERE id=1",
        ],
    ),
    (
        "partitions",
        &["SELECT 1 FROM ev_2024_01", "SELECT 1 FROM ev_2024_02"],
    ),
    (
        "passwords",
        &["CREATE ROLE r PASSWORD 'a'", "CREATE ROLE r PASSWORD $$b$$"],
    ),
];

#[test]
fn statements_that_differ_in_what_does_not_matter_are_one() {
    for (name, statements) in SAME {
        let hashes: Vec<i64> = statements.iter().map(|sql| hash(sql)).collect();
        assert!(
            hashes.windows(2).all(|pair| pair[0] == pair[1]),
            "{name}: {hashes:?}"
        );
    }
}

#[test]
fn statements_over_different_things_differ() {
    for (one, other) in [
        (
            "SELECT 1 FROM orders o WHERE id=1",
            "SELECT 1 FROM customers o WHERE id=1",
        ),
        ("SELECT 1 FROM s.orders", "SELECT 1 FROM orders"),
        ("SELECT o.id FROM orders o", "SELECT x.id FROM orders x"),
        ("CREATE TABLE x_1 (a int)", "CREATE TABLE x_2 (a int)"),
    ] {
        assert_ne!(hash(one), hash(other), "{one}");
    }
}

#[test]
fn texts_that_do_not_parse_are_compared_by_tokens() {
    for (name, one, other) in [
        (
            "open string",
            "SELECT * FROM t WHERE a = 'x",
            "select * from T where a='yy",
        ),
        ("open parenthesis", "SELECT (1 + 2", "SELECT  (3 + 4"),
        (
            "marks",
            "SELECT a FROM t WHERE a IN (?, ?) AND",
            "SELECT a FROM t WHERE a IN (?) AND",
        ),
        (
            "rest of 18",
            "SELECT 1 IN ($1 /*, ... */) AND (",
            "SELECT 1 IN (1, 2) AND (",
        ),
        (
            "rows",
            "INSERT INTO t VALUES (1,'a'),(2,'b'",
            "INSERT INTO t VALUES (1,'a'), (",
        ),
    ] {
        let (one, other) = (fingerprint(one), fingerprint(other));
        assert_eq!(one.kind, FingerprintKind::Tokens, "{name}");
        assert_eq!(one, other, "{name}");
    }
}

#[test]
fn a_cut_text_is_a_start_of_the_whole() {
    let whole = "SELECT a, b FROM orders WHERE id IN (1, 2, 3) AND name = 'x' ORDER BY created";
    for length in 20..whole.len() {
        let cut = fingerprint_activity(&whole[..length], length + 1);
        if cut.kind == FingerprintKind::Tokens {
            assert!(
                absorbs(&token_text(whole), &cut.normalized),
                "{}",
                cut.normalized
            );
        }
    }
}

#[test]
fn no_secret_is_in_what_is_stored() {
    for sql in [
        "CREATE ROLE app LOGIN PASSWORD 'hunter2'",
        "alter user app with encrypted password E'hunter2'",
        "CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'a', password 'hunter2')",
        "CREATE SUBSCRIPTION s CONNECTION 'password=hunter2' PUBLICATION p",
        "ALTER SUBSCRIPTION s CONNECTION 'password=hunter2'",
        "ALTER SYSTEM SET primary_conninfo = 'password=hunter2'",
        "SELECT 1; CREATE ROLE app PASSWORD 'hunter2'",
        "ALTER ROLE app PASSWORD 'hunter2",
        "DO $$ BEGIN PERFORM login('hunter2'); END $$",
        "SELECT 1 /* hunter2 */",
        "SET my.token = 'hunter2'",
    ] {
        for told in fingerprint_statements(sql) {
            assert!(!told.normalized.contains("hunter2"), "{}", told.normalized);
        }
        assert!(!fingerprint(sql).normalized.contains("hunter2"), "{sql}");
    }
}

#[test]
fn each_statement_of_a_string_has_its_own() {
    let told = fingerprint_statements("SELECT ';' FROM t; UPDATE t SET a = 1;");
    let want = [hash("SELECT 'x' FROM t"), hash("UPDATE t SET a = 2")];
    assert_eq!(told.iter().map(|one| one.hash).collect::<Vec<_>>(), want);
}

#[test]
fn deep_and_long_texts_are_answered() {
    let subqueries = format!(
        "{}SELECT 1{}",
        "SELECT * FROM (".repeat(3000),
        ") x".repeat(3000)
    );
    let sum = format!("SELECT {}1", "1+".repeat(20_000));
    let huge = format!("SELECT '{}'", "x".repeat(2 << 20));
    for (name, sql, kind) in [
        ("subqueries", &subqueries, FingerprintKind::Tokens),
        ("sum", &sum, FingerprintKind::Parser),
        ("huge", &huge, FingerprintKind::Tokens),
        (
            "zero byte",
            &"SELECT '\0'".to_owned(),
            FingerprintKind::Tokens,
        ),
    ] {
        assert_eq!(fingerprint(sql).kind, kind, "{name}");
    }
    assert_eq!(
        fingerprint_all(&[&sum, "SELECT 1"])[1],
        fingerprint("SELECT 2")
    );
}

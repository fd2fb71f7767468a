//! The logs of real servers, in each of their formats: what happens arrives once, with its class.

use std::collections::BTreeMap;

use pga_collector::{LogOptions, LogPosition, Options, Server};
use serde_json::Value;
use tokio_postgres::Client;

use crate::postgres::{Postgres, collect, until};

/// A server of a major that logs to a destination.
fn start(major: i32, destination: &str) -> Postgres {
    let prefix = match major {
        13 => "log_line_prefix='%m [%p] %q%u@%d/%a %e %c:%l '",
        _ => "log_line_prefix='%m [%p] %q%u@%d/%a %e %Q %c:%l '",
    };
    Postgres::start_with(
        major,
        &[
            "logging_collector=on",
            &format!("log_destination={destination}"),
            prefix,
            "log_lock_waits=on",
            "deadlock_timeout=200ms",
            "log_temp_files=0",
            "log_checkpoints=on",
            "log_min_duration_statement=-1",
        ],
    )
}

/// The collector of a server's log, from a position on.
fn reader(postgres: &Postgres, position: Option<LogPosition>) -> Server {
    let options = Options {
        log: Some(LogOptions::default()),
        ..Options::default()
    };
    let mut server = Server::new(&postgres.dsn("postgres"), options).unwrap();
    if let Some(position) = position {
        server.resume_log(position);
    }
    server
}

/// What happens: each once, and each in its own class.
async fn happen(postgres: &Postgres, client: &Client) {
    client
        .batch_execute(
            "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT g, 0 FROM generate_series(1, 9) g",
        )
        .await
        .unwrap();
    let spill = "SELECT count(*) FROM (SELECT a.id FROM t a, t b, t c, t d ORDER BY a.v, b.v, c.id DESC OFFSET 0) s";
    client.batch_execute("SET work_mem = '64kB'").await.unwrap();
    client.batch_execute(spill).await.unwrap();
    client.batch_execute("CHECKPOINT").await.unwrap();
    fails(
        client,
        "SELECT v / (id - 1) FROM t WHERE id = 1 AND 'secret' <> ''",
    )
    .await;
    deadlock(postgres, client).await;
}

/// The first waits for the second, which waits for the first.
async fn deadlock(postgres: &Postgres, first: &Client) {
    let second = postgres.connect().await;
    first
        .batch_execute("SET deadlock_timeout = '20s'")
        .await
        .unwrap();
    for (client, id) in [(first, 1), (&second, 2)] {
        let sql = format!("BEGIN; UPDATE t SET v = 1 WHERE id = {id}");
        client.batch_execute(&sql).await.unwrap();
    }
    let waits = first.batch_execute("UPDATE t SET v = 1 WHERE id = 2");
    let deadlocks = async {
        until("the first waits", async || {
            let sql = "SELECT count(*) FROM pg_locks WHERE NOT granted";
            let waiting: i64 = second.query_one(sql, &[]).await.unwrap().get(0);
            (waiting > 0).then_some(())
        })
        .await;
        fails(&second, "UPDATE t SET v = 1 WHERE id = 1").await;
        second.batch_execute("ROLLBACK").await.unwrap();
    };
    let (waited, ()) = tokio::join!(waits, deadlocks);
    waited.unwrap();
    first.batch_execute("COMMIT").await.unwrap();
    lock_wait(first, &second).await;
}

async fn lock_wait(holder: &Client, waiter: &Client) {
    holder
        .batch_execute("BEGIN; UPDATE t SET v = 2 WHERE id = 3")
        .await
        .unwrap();
    let release = async {
        until("the waiter is logged", async || {
            let sql = "SELECT count(*) FROM pg_locks WHERE NOT granted";
            let waiting: i64 = holder.query_one(sql, &[]).await.unwrap().get(0);
            (waiting > 0).then_some(())
        })
        .await;
        // Longer than deadlock_timeout, after which the server says so.
        holder
            .batch_execute("SELECT pg_sleep(0.5); COMMIT")
            .await
            .unwrap();
    };
    let waits = waiter.batch_execute("UPDATE t SET v = 3 WHERE id = 3");
    let (waited, ()) = tokio::join!(waits, release);
    waited.unwrap();
}

async fn fails(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_err();
}

/// Collects until an entry of the log says `end`; answers all entries until then.
async fn entries(server: &mut Server, end: &str) -> Vec<Value> {
    let mut all = Vec::new();
    until(end, async || {
        for element in collect(server).await {
            if element["type"] == "pg_log" {
                let entries = element["entries"].as_array().unwrap();
                all.extend(entries.iter().cloned());
            }
        }
        let is_end = |entry: &Value| entry["message"].to_string().contains(end);
        all.iter().any(is_end).then_some(())
    })
    .await;
    all
}

fn classes(entries: &[Value]) -> BTreeMap<&str, usize> {
    let mut classes = BTreeMap::new();
    for entry in entries {
        *classes.entry(entry["class"].as_str().unwrap()).or_default() += 1;
    }
    classes
}

#[tokio::test]
async fn what_happens_arrives_once_with_its_class_and_query_id() {
    for (major, destination) in [
        (13, "csvlog"),
        (13, "stderr"),
        (15, "jsonlog"),
        (17, "stderr"),
        (18, "jsonlog"),
        (18, "csvlog"),
    ] {
        let name = format!("{major} {destination}");
        let postgres = start(major, destination);
        let client = postgres.connect().await;
        client
            .batch_execute("CREATE EXTENSION pg_stat_statements")
            .await
            .unwrap();
        let mut server = reader(&postgres, None);
        happen(&postgres, &client).await;
        fails(&client, "SELECT * FROM first_end").await;
        let found = entries(&mut server, "first_end").await;
        let gaps: Vec<_> = server.gaps().collect();
        assert!(gaps.is_empty(), "{name}: {gaps:?}");
        let counted = classes(&found);
        for class in ["temp_file", "checkpoint_done", "deadlock", "sql_error"] {
            let want = if class == "sql_error" { 2 } else { 1 };
            assert_eq!(
                counted.get(class),
                Some(&want),
                "{name}: {class} {counted:?}"
            );
        }
        assert!(counted.contains_key("lock_wait"), "{name}: {counted:?}");
        let text = Value::from(found.clone()).to_string();
        assert!(!text.contains("secret"), "{name}: {text}");
        let of = |class: &str| found.iter().find(|entry| entry["class"] == class).unwrap();
        if major >= 14 {
            for class in ["temp_file", "deadlock", "lock_wait", "sql_error"] {
                assert!(of(class)["query_id"].is_i64(), "{name}: {}", of(class));
            }
        }
        assert_eq!(of("deadlock")["severity"], "error", "{name}");
        // Rotated, read by another collector from where the first one was, and written on.
        let position = server.log_position().cloned();
        drop(server);
        fails(&client, "SELECT * FROM in_old_file").await;
        client
            .batch_execute("SELECT pg_rotate_logfile()")
            .await
            .unwrap();
        let mut server = reader(&postgres, position);
        // A new file's name has the second in it.
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        client
            .batch_execute("SELECT pg_rotate_logfile()")
            .await
            .unwrap();
        fails(&client, "SELECT * FROM second_end").await;
        let found = entries(&mut server, "second_end").await;
        let errors: Vec<_> = found
            .iter()
            .filter(|entry| entry["class"] == "sql_error")
            .map(|entry| entry["fields"]["relation"].as_str().unwrap())
            .collect();
        assert_eq!(errors, ["in_old_file", "second_end"], "{name}");
        let health = server.log_health().unwrap();
        assert_eq!(health.counts.unparsed_lines, 0, "{name}: {health:?}");
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_a_gap_that_says_what_helps() {
    let postgres = Postgres::start(16);
    let mut server = reader(&postgres, None);
    collect(&mut server).await;
    let gap = server.gaps().find(|gap| gap.source == "pg_log").unwrap();
    assert!(gap.reason.contains("logging_collector is off"), "{gap:?}");
    let client = postgres.connect().await;
    client
        .batch_execute("CREATE ROLE plain LOGIN")
        .await
        .unwrap();
    let options = Options {
        log: Some(LogOptions {
            directory: Some(postgres.dir.clone()),
            ..LogOptions::default()
        }),
        ..Options::default()
    };
    // Its files are named, and the role need not see the settings.
    let mut server = Server::new(&postgres.dsn("plain"), options).unwrap();
    fails(&client, "SELECT * FROM not_there").await;
    let found = entries(&mut server, "not_there").await;
    let last = found.last().unwrap();
    // Without `%e` in the prefix there is no SQLSTATE to tell the class by.
    assert_eq!(
        (&last["level"], &last["severity"]),
        (&"ERROR".into(), &"error".into())
    );
}

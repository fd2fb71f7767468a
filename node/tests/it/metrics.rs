//! `docs/metrics.md` lists what a node really shows.

use std::collections::BTreeMap;
use std::path::Path;

use super::program::{Demo, http};

const HEAD: &str = "# Metrics

Every node shows these at `/metrics`. A test compares this list with a running node (`PGANALYTICS_BLESS=1` adds what is
missing). What is known at the start, such as a reason, is there from the start, at 0; what is not, such as a
peer, once it has a value. `process_*` are those of every Prometheus client.
What a collector shows is in [collector.md](collector.md#how-it-is).

| Name | Type | Meaning |
| --- | --- | --- |
";

/// Type and meaning by name.
type Families = BTreeMap<String, (String, String)>;

fn shown(text: &str) -> Families {
    let mut families = Families::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        let (Some("#"), Some(word), Some(name), Some(rest)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let family = families.entry(name.to_owned()).or_default();
        match word {
            "TYPE" => family.0 = rest.to_owned(),
            _ => family.1 = rest.to_owned(),
        }
    }
    families.retain(|name, _| name.starts_with("pganalytics_"));
    families
}

fn documented(text: &str) -> Families {
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.splitn(3, " | ");
        let name = cells.next()?.trim_end_matches('`').to_owned();
        let kind = cells.next()?.to_owned();
        let meaning = cells.next()?.trim_end_matches(" |").to_owned();
        Some((name, (kind, meaning)))
    });
    rows.collect()
}

/// Whether some crate still makes a metric of this name.
fn is_made(name: &str, sources: &str) -> bool {
    let short = name.trim_start_matches("pganalytics_");
    let tails = short.match_indices('_').map(|(at, _)| &short[at + 1..]);
    std::iter::once(name)
        .chain(std::iter::once(short))
        .chain(tails)
        .any(|tail| sources.contains(&format!("\"{tail}\"")))
}

fn sources(dir: &Path, text: &mut String) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_list_is_what_a_node_shows() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(dir.path(), 1);
    let fresh = http(&demo.http(0), "GET /metrics", b"");
    for series in [
        r#"pganalytics_push_outcomes_total{outcome="stored"} "#,
        r#"pganalytics_push_refusals_total{reason="buffer_full"} 0"#,
        r#"pganalytics_push_rejected_elements_total{reason="nul"} 0"#,
        r#"pganalytics_push_decode_errors_total{reason="json"} 0"#,
        r#"pganalytics_http_refusals_total{reason="no_quorum"} 0"#,
        r#"pganalytics_flush_outcomes_total{outcome="failed"} 0"#,
        r#"pganalytics_actor_restarts_total{actor="flusher"} 0"#,
        r#"pganalytics_raft_proposals_total{outcome="no_quorum"} 0"#,
        r#"pganalytics_counter_anomalies_total{table="metrics_pg_stats_query"} 0"#,
    ] {
        assert!(
            fresh.contains(series),
            "{series} is not there from the start"
        );
    }
    let body = br#"{"collector_id":"m","hostname":"h","timestamp":"2026-01-01T00:00:00Z","version":"3","metrics":[{"name":"a","value":1,"timestamp":1767225600}]}"#;
    let pushed = http(&demo.http(0), "POST /api/v1/metrics/push", body);
    assert!(pushed.starts_with("HTTP/1.1 200"), "{pushed}");
    let text = http(&demo.http(0), "GET /metrics", b"");
    drop(demo);
    let shown = shown(&text);
    assert!(shown.len() > 40, "{}", shown.len());

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = root.join("docs/metrics.md");
    let mut listed = documented(&std::fs::read_to_string(&path).unwrap_or_default());
    if std::env::var_os("PGANALYTICS_BLESS").is_some() {
        listed.extend(shown.clone());
        let rows = listed
            .iter()
            .map(|(name, (kind, meaning))| format!("| `{name}` | {kind} | {meaning} |\n"));
        std::fs::write(&path, HEAD.to_owned() + &rows.collect::<String>()).unwrap();
    }
    for (name, family) in &shown {
        assert_eq!(listed.get(name), Some(family), "{name} in docs/metrics.md");
    }
    let mut all = String::new();
    for part in ["storage", "cluster", "web", "node"] {
        sources(&root.join(part).join("src"), &mut all);
    }
    for name in listed.keys() {
        assert!(
            is_made(name, &all),
            "{name} of docs/metrics.md is made nowhere"
        );
    }
}

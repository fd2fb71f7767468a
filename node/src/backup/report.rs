//! What is in an archive, for people and for programs.

use std::path::Path;

use serde_json::{Value, json as value};

use super::archive::Contents;
use super::head::StoreKind;

/// For people.
pub(crate) fn text(file: &Path, contents: &Contents) -> String {
    let facts = facts(file, contents).into_iter();
    let lines = facts.map(|(name, what)| format!("{name:<15} {what}\n"));
    lines.collect()
}

/// What is in it: names, and text for people.
pub(crate) fn facts(file: &Path, contents: &Contents) -> Vec<(&'static str, String)> {
    let head = &contents.head;
    let mut out = Vec::new();
    let mut line = |name, what| out.push((name, what));
    line("file", file.display().to_string());
    line("size", format!("{} bytes", contents.size));
    line("sha256", contents.sha256.clone());
    line("cluster", head.cluster.to_string());
    line(
        "made at",
        format!("{} through node {}", head.created_at, head.node.get()),
    );
    line("position", String::from(head.position));
    line(
        "feature level",
        format!(
            "{} (version {} or later)",
            head.feature_level,
            version(&head.since)
        ),
    );
    let store = match head.store {
        StoreKind::Embedded => "embedded: a copy is in the file".to_owned(),
        StoreKind::TimescaleDb => format!(
            "TimescaleDB: not in the file; restore the database to position {}",
            String::from(head.watermark)
        ),
    };
    line("store", store);
    let key = match &head.encryption {
        Some(_) => "encrypted under a passphrase, with the cluster key",
        None => "not encrypted; secrets are sealed, and restoring takes pki/cluster.key of a node",
    };
    line("protection", key.to_owned());
    let Some(manifest) = &contents.manifest else {
        line("content", "closed: pass --passphrase-file".to_owned());
        return out;
    };
    for (name, count) in &manifest.state {
        line("state", format!("{count:>12}  {name}"));
    }
    let Some(store) = &manifest.store else {
        return out;
    };
    for (name, count) in &store.elements {
        line("elements", format!("{count:>12}  {name}"));
    }
    line("elements", format!("{:>12}  in all", store.total()));
    if let Some((from, to)) = store.range {
        line("time range", format!("{from} to {to}"));
    }
    out
}

/// For programs.
pub(crate) fn json(file: &Path, contents: &Contents) -> Value {
    let store = contents.manifest.as_ref().and_then(|m| m.store.as_ref());
    let range = store.and_then(|store| store.range);
    value!({
        "time_range": range.map(|(from, to)| [from.to_string(), to.to_string()]),
        "file": file.display().to_string(),
        "size_bytes": contents.size,
        "sha256": contents.sha256,
        "head": contents.head,
        "manifest": contents.manifest,
    })
}

/// Below feature level 1 nobody says it.
fn version(since: &str) -> &str {
    if since.is_empty() { "3.0.0" } else { since }
}

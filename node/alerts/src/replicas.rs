//! What is remembered of replication: standbys that a primary had, and who was primary in a group
//! of servers with one system identifier.

use std::collections::BTreeMap;

use minijinja::Value;
use pga_storage::Timestamp;
use serde_json::{Value as Json, json};

use crate::fact_row::FactRow;

/// Type of the rows about the standbys of one server.
pub(crate) const STANDBY: &str = "standby";
/// Type of the elements that they are made of.
pub(crate) const OF: &str = "pg_sender";
/// Type of the rows about groups of servers.
pub const GROUP: &str = "cluster_replication_group";
/// How long a standby that is gone, or a server's role, is remembered.
const REMEMBER: i64 = 7 * 86_400_000_000;
/// A server that was not read for so long says nothing about its role now.
const STALE: i64 = 150_000_000;
/// Standbys of one server.
const MAX_STANDBYS: usize = 200;

#[derive(Clone, Debug)]
struct Standby {
    first: Timestamp,
    last: Timestamp,
    sync_state: String,
}

/// The standbys that a server had, and the server's own roles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replicas {
    standbys: BTreeMap<String, Standby>,
    system_identifier: String,
    is_primary: bool,
    /// When the role was read, by the node's clock.
    read_at: Timestamp,
    /// Since when it is primary, and when it was last.
    primary_since: Option<Timestamp>,
    was_primary: Option<Timestamp>,
    was_standby: Option<Timestamp>,
}

impl Replicas {
    /// Takes a `pg_sender` element in.
    pub(crate) fn senders(&mut self, body: &Json, at: Timestamp) {
        for row in body
            .get("rows")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            let text = |name: &str| row.get(name).and_then(Json::as_str).unwrap_or_default();
            let name = text("application");
            let is_known = self.standbys.contains_key(name);
            if text("state") != "streaming" || !is_known && self.standbys.len() >= MAX_STANDBYS {
                continue;
            }
            let standby = self
                .standbys
                .entry(name.to_owned())
                .or_insert_with(|| Standby {
                    first: at,
                    last: at,
                    sync_state: String::new(),
                });
            standby.last = at;
            text("sync_state").clone_into(&mut standby.sync_state);
        }
        self.standbys
            .retain(|_, standby| at.micros() - standby.last.micros() < REMEMBER);
    }

    /// Takes a `pg_identity` element in.
    pub(crate) fn identity(&mut self, body: &Json, received_at: Timestamp) {
        let text = |name: &str| body.get(name).and_then(Json::as_str).unwrap_or_default();
        text("system_identifier").clone_into(&mut self.system_identifier);
        self.is_primary = text("role") == "primary";
        self.read_at = received_at;
        match self.is_primary {
            true => {
                self.primary_since.get_or_insert(received_at);
                self.was_primary = Some(received_at);
            }
            false => {
                self.primary_since = None;
                self.was_standby = Some(received_at);
            }
        }
    }

    /// The standbys, with the seconds that they were seen for and are gone for. `heard` is when the
    /// server was last read.
    pub(crate) fn rows(&self, heard: Timestamp) -> Vec<FactRow> {
        let row = |(name, standby): (&String, &Standby)| FactRow {
            identity: name.clone(),
            value: Value::from_serialize(json!({
                "application": name,
                "sync_state": standby.sync_state,
                "seen_seconds": (standby.last.micros() - standby.first.micros()) / 1_000_000,
                "gone_seconds": (heard.micros() - standby.last.micros()).max(0) / 1_000_000,
                "others": self.standbys.values().filter(|other| other.last > standby.last).count(),
            })),
        };
        self.standbys.iter().map(row).collect()
    }
}

/// A row for each system identifier of servers, given by name.
pub(crate) fn groups<'a>(
    servers: impl Iterator<Item = (&'a str, &'a Replicas)>,
    now: Timestamp,
) -> Vec<Value> {
    let mut groups: BTreeMap<&str, Vec<(&str, &Replicas)>> = BTreeMap::new();
    for (name, replicas) in servers {
        if !replicas.system_identifier.is_empty() {
            let group = groups.entry(&replicas.system_identifier).or_default();
            group.push((name, replicas));
        }
    }
    let is_recent =
        |at: Option<Timestamp>| at.is_some_and(|at| now.micros() - at.micros() < REMEMBER);
    let row = |(id, members): (&&str, &Vec<(&str, &Replicas)>)| {
        let is_fresh = |one: &Replicas| now.micros() - one.read_at.micros() < STALE;
        let fresh = || members.iter().filter(|(_, one)| is_fresh(one));
        // After a failover the old primary counts only if it is read once more as one.
        let newest = fresh().filter_map(|(_, one)| one.primary_since).max();
        let is_now = |one: &Replicas| !one.is_primary || Some(one.read_at) >= newest;
        let fresh = fresh().filter(|(_, one)| is_now(one));
        let (primaries, standbys): (Vec<_>, Vec<_>) = fresh.partition(|(_, one)| one.is_primary);
        let names = |members: &[&(&str, &Replicas)]| {
            members
                .iter()
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        Value::from_serialize(json!({
            "system_identifier": id,
            "primaries": primaries.len(),
            "primary_names": names(&primaries),
            "standbys": standbys.len(),
            "standby_names": names(&standbys),
            "had_primary": members.iter().any(|(_, one)| is_recent(one.was_primary)),
            "was_standby": primaries.iter().any(|(_, one)| is_recent(one.was_standby)),
        }))
    };
    groups.iter().map(row).collect()
}

//! What to do, from all analyses: one entry for each subject, what is worth most first. Made anew
//! after each analysis, and stored, so that a list reads one element.

mod entry;
mod experience;
mod row;
mod subject;

use std::collections::{BTreeMap, BTreeSet};

use pga_config::CollectorId;
use pga_storage::{Position, Timestamp};
use serde_json::{Value, json};

use self::experience::Experiences;
pub(crate) use self::row::last_day;
use self::row::{Around, hashes, is_worth, show};
use self::subject::subject;
use super::findings::{self, Newest, Run, current, keep, newest};
use super::workload::{Statements, Window, sums};
use super::{
    Done, Order, anomalies, collectors, indexes, parameters, plan_regressions, results, rewrites,
};
use crate::control_plane::view;
use crate::{ApiError, NodeApi};

/// Type of its elements.
const KIND: &str = "analysis_recommendations";
/// Analyses whose findings are recommended.
pub(crate) const SOURCES: [(&str, &str); 3] = [
    ("index", indexes::KIND),
    ("rewrite", rewrites::KIND),
    ("parameter", parameters::KIND),
];
/// Days for which a finding holds: each analysis runs once a day.
const DAYS: i64 = 8;

/// What is known of one server.
struct Server {
    loads: Statements,
    total_ms: f64,
    /// What has changed with statements lately.
    news: BTreeMap<i64, Vec<String>>,
}

impl Server {
    async fn read(api: &dyn NodeApi, id: CollectorId, at: Timestamp) -> Result<Self, ApiError> {
        let loads = sums(api, id, Window::hours_before(at, 24), None).await?;
        Ok(Self {
            total_ms: loads.values().map(|one| one.total_ms).sum(),
            loads,
            news: BTreeMap::new(),
        })
    }

    /// What is known around a finding.
    fn around<'a>(&'a self, server: &'a str, finding: &Value) -> Around<'a> {
        let hashes = hashes(finding);
        let first = hashes.first();
        let load = first.and_then(|hash| self.loads.values().find(|one| one.hash == *hash));
        let news = hashes.iter().filter_map(|hash| self.news.get(hash));
        Around {
            server,
            load,
            total_ms: self.total_ms,
            news: news.flatten().cloned().collect(),
        }
    }
}

/// All servers, with what has changed there lately.
async fn servers(api: &dyn NodeApi, at: Timestamp) -> Result<BTreeMap<String, Server>, ApiError> {
    let mut servers = BTreeMap::new();
    for id in collectors(api)? {
        servers.insert(id.to_string(), Server::read(api, id, at).await?);
    }
    let mut tell = |server: &str, hash: i64, news: String| {
        if let Some(server) = servers.get_mut(server) {
            server.news.entry(hash).or_default().push(news);
        }
    };
    for one in plan_regressions::records(api, None)
        .await?
        .into_values()
        .flatten()
    {
        if one.ended_at.is_none() {
            let since = Timestamp::from_micros(one.flip.first_bad);
            tell(
                &one.collector_id,
                one.query_hash,
                format!("slower since {since}: {}", one.text()),
            );
        }
    }
    for one in anomalies::records(api, None).await?.into_values().flatten() {
        if let (Some(hash), None) = (one.hash(), one.ended) {
            let shown = one.show();
            let figure = |name: &str| shown[name].as_f64().unwrap_or_default();
            let news = format!(
                "{} is {:.2} since {}, usually {:.2}",
                shown["metric_name"].as_str().unwrap_or_default(),
                figure("metric_value"),
                anomalies::time(one.started),
                figure("baseline_value"),
            );
            tell(&one.collector_id, hash, news);
        }
    }
    Ok(servers)
}

/// Makes the list anew from what all analyses have found, and keeps it.
async fn merge(api: &dyn NodeApi, order: &Order) -> Result<Position, ApiError> {
    // An analysis that began earlier may end later: the newest list knows of both.
    let started = Timestamp::now();
    let servers = servers(api, order.at).await?;
    let experiences = Experiences::of(&results::outcomes(api, None).await?);
    let from = Window::hours_before(order.at, DAYS * 24).from;
    let mut subjects = BTreeMap::<String, Vec<Value>>::new();
    let (mut rows_read, mut left_out, mut known) = (0, 0, BTreeSet::new());
    for (source, kind) in SOURCES {
        for found in current(api, kind, from).await? {
            left_out += found.left_out;
            let Some(server) = servers.get(&found.server) else {
                continue;
            };
            for finding in &found.findings {
                rows_read += 1;
                let subject = subject(finding, source, &found.server);
                // The same text of two servers is one finding, told by the one that is read first.
                if known.insert((subject.clone(), finding["id"].as_u64())) {
                    let around = server.around(&found.server, finding);
                    if !is_worth(finding, source, around.load) {
                        continue;
                    }
                    let mut row = show(finding, source, &around);
                    experiences.rank(&mut row, &found.server, source, finding);
                    subjects.entry(subject).or_default().push(row);
                }
            }
        }
    }
    let rank = |rows: &Value| {
        let first = rows.get(0).and_then(|row| row["rank_score"].as_f64());
        first.unwrap_or(0.0)
    };
    let mut findings: Vec<Value> = subjects
        .into_values()
        .map(|mut rows| {
            entry::order(&mut rows);
            Value::Array(rows)
        })
        .collect();
    findings.sort_by(|one, other| rank(other).total_cmp(&rank(one)));
    let run = Run {
        kind: KIND,
        collector: None,
        database: String::new(),
        judged: Vec::new(),
        by: order.by.clone(),
        started,
        ended: Timestamp::now(),
        rows_read,
        findings,
        notes: vec![json!({ "left_out": left_out })],
    };
    keep(api, run).await
}

/// The same for an analysis that has just found something: a list that is read at its position
/// shows that.
pub(crate) async fn after(
    api: &dyn NodeApi,
    mut done: Done,
    order: &Order,
) -> Result<Done, ApiError> {
    // What was found has to be in this node's store first.
    let found = Newest::of("none").at(done.position);
    if let Err(error) = newest(api, found, |_| false).await {
        tracing::warn!(%error, "recommendations are not merged: the next analysis does it");
        return Ok(done);
    }
    let position = merge(api, order).await?;
    done.position = done.position.max(Some(position));
    Ok(done)
}

/// What is recommended.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// One row for each subject, what is worth most first.
    pub(crate) rows: Vec<Value>,
    /// Findings that were left out, since there were too many.
    pub(crate) left_out: u64,
}

/// Reads the list, without what was dismissed or done.
pub(crate) async fn list(
    api: &dyn NodeApi,
    min_position: Option<Position>,
) -> Result<Listed, ApiError> {
    let wanted = Newest::of(KIND).at(min_position).days(DAYS).enough(1);
    let runs = newest(api, wanted, |_| true).await?;
    let Some(run) = runs.first() else {
        return Ok(Listed::default());
    };
    let decided = view(api, |state| {
        let decided = state.decisions().iter();
        let decided = decided.filter(|(_, one)| one.verdict != "resolved");
        decided.map(|(id, _)| *id).collect::<BTreeSet<u64>>()
    });
    let decided = decided.unwrap_or_default();
    let is_open = |row: &&Value| row["id"].as_u64().is_none_or(|id| !decided.contains(&id));
    let groups: Vec<&Value> = run["findings"].as_array().into_iter().flatten().collect();
    let folded = groups.iter().filter_map(|rows| {
        let rows = rows.as_array()?.iter().filter(is_open).cloned();
        entry::fold(rows.collect())
    });
    let mut rows: Vec<Value> = folded.collect();
    entry::order(&mut rows);
    entry::relate(&mut rows);
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    Ok(Listed {
        rows,
        left_out: number(&run["notes"][0]["left_out"]) + findings::left_out(run),
    })
}

/// The findings of the recommendation that this finding is part of, itself among them.
pub(crate) async fn parts(api: &dyn NodeApi, id: u64) -> Result<Vec<u64>, ApiError> {
    let listed = list(api, None).await?;
    let ids = |row: &Value| -> Vec<u64> {
        let parts = row["evidence"].as_array().into_iter().flatten();
        parts.filter_map(|one| one["source_id"].as_u64()).collect()
    };
    // Only that of the whole entry stands for all of it.
    let entry = listed
        .rows
        .iter()
        .find(|row| row["id"].as_u64() == Some(id));
    Ok(entry.map_or_else(|| vec![id], ids))
}

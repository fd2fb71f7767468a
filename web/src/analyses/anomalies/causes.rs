//! What else happened on a server when an anomaly began.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_insight::anomalies::{Candidate, CauseKind, Minute, Overlap};
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements};
use serde_json::Value;

use super::record::Record;
use super::subject::Subject;
use crate::analyses::plan_regressions;
use crate::analyses::workload::plan_of;
use crate::control_plane::view;
use crate::questions;
use crate::{ApiError, NodeApi};

/// Elements of a type that are looked at.
const MOST: u32 = 200;
/// Minutes before and after the beginning.
const AROUND: (i64, i64) = (15, 3);

struct Looker<'a> {
    api: &'a dyn NodeApi,
    collector: CollectorId,
    start: Minute,
}

impl Looker<'_> {
    /// The elements of a type around the beginning, with their minutes.
    async fn elements(&self, kind: &str) -> Result<Vec<(Minute, Value)>, ApiError> {
        let at = |minute: Minute| Some(Timestamp::from_micros(minute.micros()));
        let query = Elements {
            collector: self.collector,
            kind: Some(kind.to_owned()),
            from: at(self.start.plus(-AROUND.0)),
            to: at(self.start.plus(AROUND.1)),
            order: ElementOrder::Ascending,
            limit: MOST,
            cursor: None,
        };
        let page = questions::ask(self.api, query.collector, &query).await?;
        let read = page.data.iter().filter_map(|text| {
            let element: Value = serde_json::from_str(text).ok()?;
            let time = crate::timestamps::parse_text(element["timestamp"].as_str()?).ok()?;
            Some((Minute::of_micros(time.micros()), element))
        });
        Ok(read.collect())
    }

    async fn blocking(&self) -> Result<Vec<Candidate>, ApiError> {
        let mut found = Vec::new();
        for (at, element) in self.elements("pg_blocking").await? {
            let rows = element["rows"].as_array().cloned().unwrap_or_default();
            let roots = pga_alerts::lock_roots(&rows);
            let Some(root) = roots.first() else {
                continue;
            };
            let user = root["user"].as_str().unwrap_or("?");
            found.push(Candidate {
                kind: CauseKind::BlockingRoot,
                at,
                // Who is blocked is not known by statement: sessions of the whole server wait.
                overlap: Overlap::Database,
                subject: format!("process {} of {user}", root["pid"]),
            });
            break;
        }
        Ok(found)
    }

    async fn settings(&self) -> Result<Vec<Candidate>, ApiError> {
        let mut found = Vec::new();
        for (at, element) in self.elements("pg_setting").await? {
            if element["changed_only"] != Value::Bool(true) {
                continue;
            }
            let rows = element["rows"].as_array().into_iter().flatten();
            let names: Vec<&str> = rows.filter_map(|row| row["name"].as_str()).collect();
            if !names.is_empty() {
                found.push(Candidate {
                    kind: CauseKind::SettingChange,
                    at,
                    overlap: Overlap::Server,
                    subject: names.join(", "),
                });
            }
        }
        Ok(found)
    }

    /// Other plans of a statement, or of any of a database, that made it slower, with what changed
    /// them.
    async fn regressions(
        &self,
        hash: Option<i64>,
        database: &str,
    ) -> Result<Vec<Candidate>, ApiError> {
        let mut all = plan_regressions::records(self.api, None).await?;
        let own = all.remove(&self.collector).unwrap_or_default();
        let same = own
            .into_iter()
            .filter(|one| hash.is_none_or(|hash| one.query_hash == hash))
            .filter(|one| one.database == database);
        let candidate = |one: plan_regressions::Record| Candidate {
            kind: CauseKind::PlanChange,
            at: Minute::of_micros(one.flip.first_bad),
            overlap: match hash {
                Some(_) => Overlap::Subject,
                None => Overlap::Database,
            },
            subject: format!("statement {}: {}", one.query_hash, one.cause()),
        };
        Ok(same.map(candidate).collect())
    }

    /// Another plan of the statement than the one before it.
    async fn plans(&self, hash: i64) -> Result<Vec<Candidate>, ApiError> {
        let (mut found, mut before) = (Vec::new(), None);
        for (at, element) in self.elements("explain_plan").await? {
            if element["query_hash"].as_i64() != Some(hash) {
                continue;
            }
            let structure = plan_of(&element).map(|plan| plan.structure());
            if before.is_some() && structure.is_some() && before != structure {
                found.push(Candidate {
                    kind: CauseKind::PlanChange,
                    at,
                    overlap: Overlap::Subject,
                    subject: format!("statement {hash}"),
                });
            }
            before = structure.or(before);
        }
        Ok(found)
    }

    async fn saturation(&self) -> Result<Vec<Candidate>, ApiError> {
        let mut idle = BTreeMap::<Minute, f64>::new();
        for (at, element) in self.elements("sysstat").await? {
            if let Some(percent) = element["cpu"]["idle"].as_f64() {
                idle.insert(at, percent);
            }
        }
        let busy = idle.into_iter().find(|(_, percent)| *percent < 10.0);
        Ok(busy
            .map(|(at, percent)| Candidate {
                kind: CauseKind::HostSaturation,
                at,
                overlap: Overlap::Server,
                subject: format!("processors {:.0} % idle", percent),
            })
            .into_iter()
            .collect())
    }

    fn deploys(&self) -> Vec<Candidate> {
        let all = view(self.api, |state| {
            let moments = state.moments().values();
            let deploys = moments.filter(|one| one.kind.ends_with("_deploy"));
            let candidate = |one: &pga_cluster::Moment| Candidate {
                kind: CauseKind::Deploy,
                at: Minute::of_micros(one.at.micros()),
                overlap: Overlap::Server,
                subject: one.name.clone(),
            };
            deploys.map(candidate).collect::<Vec<_>>()
        });
        all.unwrap_or_default()
    }
}

/// All that happened around the beginning of an anomaly.
pub(super) async fn candidates(
    api: &dyn NodeApi,
    collector: CollectorId,
    record: &Record,
) -> Result<Vec<Candidate>, ApiError> {
    let looker = Looker {
        api,
        collector,
        start: record.started,
    };
    let mut all = looker.blocking().await?;
    all.extend(looker.settings().await?);
    match Subject::parse(&record.subject) {
        Some(Subject::Statement { hash, database }) => {
            let told = looker.regressions(Some(hash), &database).await?;
            match told.is_empty() {
                true => all.extend(looker.plans(hash).await?),
                false => all.extend(told),
            }
        }
        Some(Subject::Table { database, .. }) => {
            all.extend(looker.regressions(None, &database).await?);
        }
        _ => {}
    }
    all.extend(looker.saturation().await?);
    all.extend(looker.deploys());
    Ok(all)
}

//! An anomaly as it is stored and told (contract: Anomaly).

use pga_config::CollectorId;
use pga_insight::anomalies::{Anomaly, Kind, LikelyCause, Minute, Open};
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::subject::Subject;
use crate::analyses::findings::finding_id;

/// Type of its elements.
pub(crate) const KIND: &str = "analysis_anomalies";

/// One anomaly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its number: from server, series and first minute.
    pub(crate) id: u64,
    /// Whose.
    pub(crate) collector_id: String,
    /// `statement 42 shop`, `database shop`, `wait Lock`.
    pub(crate) subject: String,
    /// The first of its minutes.
    pub(crate) started: Minute,
    /// Since when it is over.
    pub(crate) ended: Option<Minute>,
    /// Why: `calm`, `no_data` or `new_level`.
    pub(crate) ended_by: Option<String>,
    /// The anomaly of the whole server that it is part of.
    pub(crate) part_of: Option<u64>,
    /// What was found, at its worst.
    pub(crate) anomaly: Anomaly,
    /// What the watch goes on from, while it is open.
    pub(crate) open: Option<Open>,
}

/// RFC 3339.
pub(crate) fn time(minute: Minute) -> String {
    Timestamp::from_micros(minute.micros()).to_string()
}

fn cause(of: &LikelyCause) -> Value {
    json!({ "kind": of.kind, "at": time(of.at), "subject": of.subject, "score": of.score, "text": of.text })
}

impl Record {
    /// One that just began.
    pub(super) fn new(
        server: CollectorId,
        subject: &Subject,
        anomaly: Anomaly,
        open: Open,
    ) -> Self {
        let (server, subject) = (server.to_string(), subject.to_string());
        let started = open.started;
        let metric = anomaly.metric_name.as_str();
        let minute = started.get().to_string();
        Self {
            id: finding_id(&[KIND, &server, &subject, metric, &minute]),
            collector_id: server,
            subject,
            started,
            ended: None,
            ended_by: None,
            part_of: None,
            anomaly,
            open: Some(open),
        }
    }

    /// What the series counts.
    pub(crate) fn kind(&self) -> Kind {
        self.anomaly.kind
    }

    /// The statement, if it is about one.
    pub(crate) fn hash(&self) -> Option<i64> {
        Subject::parse(&self.subject)?.hash()
    }

    /// The contract's Anomaly, and what we know beside it.
    pub(crate) fn show(&self) -> Value {
        let subject = Subject::parse(&self.subject);
        let found = &self.anomaly;
        json!({
            "id": self.id,
            "query_hash": self.hash().unwrap_or(0),
            "anomaly_type": found.anomaly_type,
            "severity": found.severity,
            "detected_at": time(found.detected_at),
            "metric_name": found.metric_name,
            "metric_value": found.metric_value,
            "baseline_value": found.baseline_value,
            "deviation_stddev": found.deviation_stddev,
            "z_score": found.z_score,
            "raw_metrics_json": {
                "series": found.raw_metrics.series,
                "window": [time(found.raw_metrics.window.0), time(found.raw_metrics.window.1)],
                "tier": found.raw_metrics.tier,
                "s": found.raw_metrics.s,
                "factor": found.raw_metrics.factor,
                "load_share": found.raw_metrics.load_share,
                "causes": found.raw_metrics.causes.iter().map(cause).collect::<Vec<Value>>(),
                "values": found.raw_metrics.values,
            },
            "collector_id": self.collector_id,
            "database_name": subject.as_ref().map_or("", Subject::database),
            "subject": self.subject,
            "started_at": time(self.started),
            "ended_at": self.ended.map(time),
            "ended_by": self.ended_by,
        })
    }
}

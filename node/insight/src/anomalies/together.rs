//! Many anomalies of one server at once are one.

use serde::{Deserialize, Serialize};

use super::anomaly::{Anomaly, Severity};
use super::minute::Minute;

/// Members that are told one by one; more of them are one anomaly of the server.
pub const MEMBERS_ALONE: usize = 20;

/// An anomaly of a whole server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerAnomaly {
    /// The contract's type: `load_shift`.
    pub anomaly_type: String,
    /// The highest of the members.
    pub severity: Severity,
    /// When the first member was detected.
    pub detected_at: Minute,
    /// The worst first.
    pub members: Vec<Anomaly>,
}

/// How anomalies are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// One by one.
    Alone(Vec<Anomaly>),
    /// As one of the server.
    Server(Box<ServerAnomaly>),
}

/// Folds the anomalies of one server that are open at once: more than 20 become one.
///
/// The caller hands in all that are open on the server and opened in the last few minutes, or
/// joined the server anomaly that is open.
#[must_use]
pub fn together(mut open: Vec<Anomaly>) -> Report {
    let first = open.iter().map(|anomaly| anomaly.detected_at).min();
    let worst = open.iter().map(|anomaly| anomaly.severity).max();
    let (Some(detected_at), Some(severity), true) = (first, worst, open.len() > MEMBERS_ALONE)
    else {
        return Report::Alone(open);
    };
    open.sort_by(|one, other| {
        let by_severity = other.severity.cmp(&one.severity);
        by_severity.then(other.z_score.total_cmp(&one.z_score))
    });
    Report::Server(Box::new(ServerAnomaly {
        anomaly_type: "load_shift".to_owned(),
        severity,
        detected_at,
        members: open,
    }))
}

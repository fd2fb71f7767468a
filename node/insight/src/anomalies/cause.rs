//! What else happened when it began.

use serde::{Deserialize, Serialize};

use super::minute::Minute;

/// Minutes before and after the beginning in which something may be its cause.
const AROUND: (i64, i64) = (15, 2);
/// Minutes after which a candidate counts a third.
const FADES: f64 = 5.0;
/// Least score that is told, and how many.
const TOLD: (f64, usize) = (0.5, 3);

/// What may be a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// The statement has another plan.
    PlanChange,
    /// A session held up others.
    BlockingRoot,
    /// An index is gone or invalid.
    IndexLost,
    /// A setting, the version or the schema changed.
    SettingChange,
    /// The server was started: its caches are cold.
    Restart,
    /// Something was deployed.
    Deploy,
    /// More calls, each as fast as before.
    Traffic,
    /// A statement that was not there.
    NewStatement,
    /// The machine is saturated.
    HostSaturation,
    /// A vacuum or checkpoint worked on it.
    Maintenance,
    /// A standby fell behind.
    ReplicaLag,
}

impl CauseKind {
    /// How likely it is before anything is known, and what it is called.
    fn prior(self) -> (f64, &'static str) {
        match self {
            Self::PlanChange => (5.0, "the plan changed"),
            Self::BlockingRoot => (5.0, "a session blocked others"),
            Self::IndexLost => (5.0, "an index was dropped or is invalid"),
            Self::SettingChange => (4.0, "a setting, the version or the schema changed"),
            Self::Restart => (4.0, "the server was restarted"),
            Self::Deploy => (4.0, "something was deployed"),
            Self::Traffic => (4.0, "there were more calls, each as fast as before"),
            Self::NewStatement => (3.0, "a new statement appeared"),
            Self::HostSaturation => (3.0, "the machine was saturated"),
            Self::Maintenance => (2.0, "a vacuum or checkpoint ran"),
            Self::ReplicaLag => (1.0, "a standby fell behind"),
        }
    }
}

/// What a candidate has in common with the anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The same relation or statement.
    Subject,
    /// The same database.
    Database,
    /// The same server.
    Server,
}

impl Overlap {
    fn weight(self) -> f64 {
        match self {
            Self::Subject => 1.0,
            Self::Database => 0.5,
            Self::Server => 0.25,
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What.
    pub kind: CauseKind,
    /// When.
    pub at: Minute,
    /// What it has in common with the anomaly.
    pub overlap: Overlap,
    /// What it happened to, for people: `index orders_pkey`.
    pub subject: String,
}

/// A candidate that may be the cause: it happened at about the same time, no more is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelyCause {
    /// What.
    pub kind: CauseKind,
    /// When.
    pub at: Minute,
    /// What it happened to.
    pub subject: String,
    /// prior × e^(−Δ/5 min) × overlap; 0.5 to 5.
    pub score: f64,
    /// One sentence.
    pub text: String,
}

/// The three likeliest causes of what began at `start`, the likeliest first; often there is none.
///
/// Only candidates from 15 minutes before to 2 minutes after count. Equal scores keep the caller's
/// order.
#[must_use]
pub fn likely_causes(candidates: &[Candidate], start: Minute) -> Vec<LikelyCause> {
    let mut causes: Vec<LikelyCause> = candidates
        .iter()
        .filter_map(|candidate| likely(candidate, start))
        .collect();
    causes.sort_by(|one, other| other.score.total_cmp(&one.score));
    causes.truncate(TOLD.1);
    causes
}

fn likely(candidate: &Candidate, start: Minute) -> Option<LikelyCause> {
    let before = start.since(candidate.at);
    if before > AROUND.0 || before < -AROUND.1 {
        return None;
    }
    let apart = f64::from(i32::try_from(before.abs()).ok()?);
    let (prior, name) = candidate.kind.prior();
    let score = prior * (-apart / FADES).exp() * candidate.overlap.weight();
    if score < TOLD.0 {
        return None;
    }
    let when = match before {
        0 => "in the same minute".to_owned(),
        1.. => format!("{before} min before"),
        _ => format!("{} min after", -before),
    };
    let subject = &candidate.subject;
    Some(LikelyCause {
        kind: candidate.kind,
        at: candidate.at,
        subject: subject.clone(),
        score,
        text: format!("{name} ({subject}) {when}; that is a coincidence in time, not a proof"),
    })
}

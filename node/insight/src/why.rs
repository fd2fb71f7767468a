//! Why a server is slow now: its load by what sessions wait for, run and come from, compared with
//! another time, in plain sentences.
//!
//! *Load* is the mean number of sessions that work or wait at a moment (Oracle's average active
//! sessions): those of `pg_stat_activity` that are active. From samples every ten seconds what
//! lasts less than a second is seldom seen; with n samples a load of L is known to about √(L/n).
//!
//! The increase is given to groups greedily: in each round the group of any dimension that grew
//! most is taken, its sessions are put aside, and the rest is looked at again. Sessions that wait
//! for a lock are not the cause: the root that they wait for is.

mod beside;
mod explain;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::beside::{Beside, Reads, Standby, Vacuum};
pub use self::explain::explain;

/// Sessions that are alike at one moment, as `pg_activity_sample` has them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Group {
    /// `client backend`, `autovacuum worker`, …
    pub backend_type: Option<String>,
    /// `active`, `idle in transaction`, …
    pub state: Option<String>,
    /// Class of what they wait for; none is a processor.
    pub wait_event_type: Option<String>,
    /// What they wait for.
    pub wait_event: Option<String>,
    /// Their statement.
    pub query_id: Option<i64>,
    /// Their user.
    pub user: Option<String>,
    /// Their database.
    pub database: Option<String>,
    /// Their application.
    pub application: Option<String>,
    /// How many.
    pub sessions: u32,
    /// Parallel workers of theirs.
    pub parallel_workers: u32,
}

/// All sessions at one moment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Sample {
    /// The groups.
    pub rows: Vec<Group>,
}

impl Sample {
    /// Sessions that load the server, by class of what they wait for; `CPU` if for nothing.
    #[must_use]
    pub fn load_by_wait_class(&self) -> BTreeMap<String, u32> {
        let mut classes = BTreeMap::new();
        for group in self.rows.iter().filter(|group| explain::is_load(group)) {
            let class = group.wait_event_type.clone();
            let class = class.filter(|class| !class.is_empty());
            let count = classes
                .entry(class.unwrap_or_else(|| "CPU".to_owned()))
                .or_insert(0_u32);
            *count = count.saturating_add(group.sessions);
        }
        classes
    }
}

/// Who holds up others, and waits for nobody.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Root {
    /// Its process.
    pub pid: i64,
    /// Its user.
    pub user: String,
    /// Its application.
    pub application: String,
    /// What it does.
    pub state: String,
    /// Its statement, without values.
    pub query: String,
    /// What is locked, if that is a relation.
    pub relation: String,
    /// How many wait for it.
    pub victims: u32,
    /// Since when its transaction runs, in seconds.
    pub transaction_seconds: f64,
    /// How many of them wait for one that wants an AccessExclusive lock, and waits itself.
    pub queued: u32,
    /// That one's process.
    pub queue_pid: i64,
    /// Its statement, without values.
    pub queue_query: String,
}

/// What a statement did in both windows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statement {
    /// Its text.
    pub text: String,
    /// Calls a minute now and then.
    pub calls_per_minute: (f64, Option<f64>),
    /// Milliseconds a call now and then.
    pub mean_ms: (f64, Option<f64>),
    /// Why its plan is another and takes longer, if that is known.
    pub cause: Option<String>,
}

/// What is compared.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Samples of the window.
    pub now: Vec<Sample>,
    /// Samples of the time that it is compared with; none if there is none.
    pub usual: Vec<Sample>,
    /// What that time is, such as `the same time last week`.
    pub reference: String,
    /// Who holds up others in the window.
    pub roots: Vec<Root>,
    /// Statements by their ids.
    pub statements: BTreeMap<i64, Statement>,
    /// Processors of the machine, if known.
    pub cores: Option<u32>,
    /// What the server does beside its sessions' statements.
    pub beside: Beside,
}

/// A group of sessions in one dimension.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Load {
    /// `wait_class`, `wait_event`, `statement`, `user`, `application`, `database`.
    pub dimension: &'static str,
    /// Which group of it.
    pub group: String,
    /// Sessions now.
    pub load: f64,
    /// Sessions usually; nothing if that is not known.
    pub usual: Option<f64>,
}

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// `lock`, `statement`, `cpu`, `io`, `group`, `rest`; `beside` for what is no part of the load.
    pub kind: &'static str,
    /// What is said.
    pub text: String,
    /// The group, if it is one.
    #[serde(flatten)]
    pub load: Option<Load>,
    /// Share of the increase, or of the load where there is none, from 0 to 1.
    pub share: f64,
    /// The root, for a lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// What is said first.
    pub head: String,
    /// Whether the load is higher than usual by enough to speak of.
    pub is_slower: bool,
    /// Sessions that work or wait, on average.
    pub load: f64,
    /// What is usual, if that is known.
    pub usual: Option<f64>,
    /// What it is compared with.
    pub reference: String,
    /// One standard error of the load.
    pub error: f64,
    /// Samples of the window, and of what it is compared with.
    pub samples: (usize, usize),
    /// The largest causes first.
    pub lines: Vec<Line>,
    /// Share of the increase, or of the load, that the lines explain.
    pub explained: f64,
    /// The largest groups of each dimension.
    pub groups: Vec<Load>,
}

//! A setting to change.

use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::setting::Setting;

/// Where a setting is changed, the smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// In the text of one statement.
    Statement,
    /// For one column.
    Column,
    /// For one table.
    Table,
    /// For one role; counts for its next sessions.
    Role,
    /// In the application.
    Application,
    /// For the server, without a restart.
    Reload,
    /// For the server, with a restart.
    Restart,
}

/// A setting to change, why, and how to see whether it worked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The contract's `parameter_name`: a setting, `LIMIT`, `batch_size` or `statistics_target`.
    pub parameter: String,
    /// What holds today; nothing if that is no setting.
    pub current: Option<String>,
    /// What to try.
    pub proposed: String,
    /// Where to try it.
    pub scope: Scope,
    /// The role, table or column.
    pub target: Option<String>,
    /// The families that it is for; empty if for all.
    pub fingerprints: Vec<i64>,
    /// What to run; nothing if it is no SQL.
    pub statement: Option<String>,
    /// How to undo it.
    pub undo: String,
    /// What may go wrong.
    pub risk: String,
    /// The figures that ask for it.
    pub evidence: String,
    /// The figure that shows whether it worked.
    pub measured_by: String,
    /// Share of the statements' time that vanishes, in percent; 0 if unknown.
    pub improvement_percent: f64,
    /// Time a day that it saves, in milliseconds; 0 if unknown.
    pub saved_ms_per_day: f64,
    /// Memory that it lets the server take at most, in bytes; 0 if none.
    pub memory_bytes: f64,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
}

/// What is said about a proposal.
pub(super) struct Reason {
    pub(super) evidence: String,
    pub(super) risk: &'static str,
    pub(super) measured_by: &'static str,
}

impl Proposal {
    /// For one role.
    pub(super) fn role(
        of: &Evidence,
        role: &str,
        parameter: &str,
        proposed: String,
        reason: Reason,
    ) -> Option<Self> {
        let current = of.role_setting(role, parameter)?;
        let own = of.role(role).and_then(|role| role.settings.get(parameter));
        let name = quoted(role);
        let undo = match own {
            Some(own) => format!(
                "ALTER ROLE {name} SET {parameter} = {};",
                literal(&own.text())
            ),
            None => format!("ALTER ROLE {name} RESET {parameter};"),
        };
        let statement = format!(
            "ALTER ROLE {name} SET {parameter} = {};",
            literal(&proposed)
        );
        Some(Self {
            target: Some(role.to_owned()),
            statement: Some(statement),
            undo,
            ..Self::new(parameter, Some(current), proposed, Scope::Role, reason)
        })
    }

    /// For the server, by reload or by restart.
    pub(super) fn server(
        of: &Evidence,
        scope: Scope,
        parameter: &str,
        proposed: String,
        reason: Reason,
    ) -> Option<Self> {
        let current = of.setting(parameter)?;
        let after = match scope {
            Scope::Restart => "-- restart the server",
            _ => "SELECT pg_reload_conf();",
        };
        let set =
            |value: &str| format!("ALTER SYSTEM SET {parameter} = {}; {after}", literal(value));
        Some(Self {
            statement: Some(set(&proposed)),
            undo: set(&current.text()),
            ..Self::new(parameter, Some(current), proposed, scope, reason)
        })
    }

    pub(super) fn new(
        parameter: &str,
        current: Option<&Setting>,
        proposed: String,
        scope: Scope,
        reason: Reason,
    ) -> Self {
        Self {
            parameter: parameter.to_owned(),
            current: current.map(Setting::text),
            proposed,
            scope,
            target: None,
            fingerprints: Vec::new(),
            statement: None,
            undo: String::new(),
            risk: reason.risk.to_owned(),
            evidence: reason.evidence,
            measured_by: reason.measured_by.to_owned(),
            improvement_percent: 0.0,
            saved_ms_per_day: 0.0,
            memory_bytes: 0.0,
            confidence: 0.7,
        }
    }

    /// Says what it saves: a share of time, and milliseconds a day.
    pub(super) fn saving(mut self, share: Option<f64>, ms_per_day: Option<f64>) -> Self {
        self.improvement_percent = share.unwrap_or(0.0).clamp(0.0, 1.0) * 100.0;
        self.saved_ms_per_day = ms_per_day.filter(|saved| *saved > 0.0).unwrap_or(0.0);
        self
    }

    pub(super) fn with_memory(mut self, bytes: f64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    pub(super) fn with_confidence(mut self, confidence: f64) -> Self {
        self.confidence = confidence;
        self
    }

    pub(super) fn for_families(mut self, mut fingerprints: Vec<i64>) -> Self {
        fingerprints.sort_unstable();
        fingerprints.dedup();
        self.fingerprints = fingerprints;
        self
    }
}

/// A name as SQL takes it, whatever it holds.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value as SQL takes it.
fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

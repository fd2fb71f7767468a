//! What is known of a server when settings are judged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::load::{
    Autovacuum, BitmapReads, Cache, Checkpoints, ColumnMisestimate, Connections, DdlWait, Freeze,
    IdleHolder, Inserts, JitLoad, MissingWorkers, PlanChoice, ReadCost, RowLoad, RunAway, Spill,
    VacuumRun,
};
use super::setting::Setting;

/// What is known. Whatever is not told makes no proposal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// The server and its machine.
    pub server: Server,
    /// Roles that use it.
    pub roles: Vec<Role>,
    /// Statements that write temporary files.
    pub spills: Vec<Spill>,
    /// The vacuums that read indexes most often.
    pub vacuums: Vec<VacuumRun>,
    /// Buffers and what is read past them.
    pub cache: Option<Cache>,
    /// What reads cost, by kind.
    pub read_cost: Option<ReadCost>,
    /// Roles whose bitmap scans wait for reads.
    pub bitmap_reads: Vec<BitmapReads>,
    /// Checkpoints and WAL.
    pub checkpoints: Option<Checkpoints>,
    /// Autovacuum's work.
    pub autovacuum: Option<Autovacuum>,
    /// Vacuums against wraparound.
    pub freeze: Option<Freeze>,
    /// Columns whose estimates are wrong.
    pub misestimates: Vec<ColumnMisestimate>,
    /// Sessions by the limit.
    pub connections: Option<Connections>,
    /// Roles whose idle transactions hold others up.
    pub idle_holders: Vec<IdleHolder>,
    /// Roles whose DDL waits for locks with others behind it.
    pub ddl_waits: Vec<DdlWait>,
    /// Roles with statements that run away.
    pub run_aways: Vec<RunAway>,
    /// Roles that wait for compilation.
    pub jit: Vec<JitLoad>,
    /// Plans that missed workers.
    pub missing_workers: Option<MissingWorkers>,
    /// Roles that suffer from generic plans or skewed parameters.
    pub plan_choices: Vec<PlanChoice>,
    /// Entries that `pg_stat_statements` gave up since its reset.
    pub statements_given_up: Option<f64>,
    /// Statements that give more rows than their client takes.
    pub row_loads: Vec<RowLoad>,
    /// Families that insert single rows, found by W16.
    pub inserts: Vec<Inserts>,
}

/// The server and its machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    /// Settings by name.
    pub settings: BTreeMap<String, Setting>,
    /// Major version, such as 16.
    pub major: Option<u32>,
    /// Memory of the machine, or of the container, in bytes.
    pub memory_bytes: Option<f64>,
    /// Processors.
    pub cores: Option<u32>,
    /// Share of the processors that work, from 0 to 1.
    pub cpu_busy: Option<f64>,
}

/// A role and its sessions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// The 99th percentile of its sessions that work at the same time.
    pub sessions_p99: Option<f64>,
    /// Its share of the server's statement time, from 0 to 1.
    pub load_share: Option<f64>,
    /// Settings of its own, in the units of the server's.
    pub settings: BTreeMap<String, Setting>,
}

impl Evidence {
    /// The value that the server runs with.
    pub(super) fn setting(&self, name: &str) -> Option<&Setting> {
        self.server.settings.get(name)
    }

    pub(super) fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// The value that a role runs with.
    pub(super) fn role_setting(&self, role: &str, name: &str) -> Option<&Setting> {
        let own = self.role(role).and_then(|role| role.settings.get(name));
        own.or_else(|| self.setting(name))
    }

    /// The role of the most load, where settings of the planner are tried first.
    pub(super) fn busiest_role(&self) -> Option<&str> {
        let known = self.roles.iter().filter(|role| role.load_share.is_some());
        known
            .max_by(|one, other| {
                let share = |of: &Role| of.load_share.unwrap_or(0.0);
                share(one).total_cmp(&share(other))
            })
            .map(|role| role.name.as_str())
    }
}

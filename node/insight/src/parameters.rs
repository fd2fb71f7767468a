//! Which settings to change, from what was measured.
//!
//! # What it guarantees
//! A fact that is not told makes no proposal. The memory that all proposals of one call may claim
//! together stays below bounds ([`advise`]). Each names the smallest scope that can show whether
//! it works; the whole server is the last one.
//! # Limits
//! The figures are those that the caller measured; nothing here knows how the server answers a
//! change.
//! # Map
//! [`Evidence`] is what is known, [`Proposal`] what is proposed, [`advise`] the way between them.

mod autovacuum;
mod budget;
mod evidence;
mod load;
mod memory;
mod observation;
mod planner;
mod proposal;
mod sessions;
mod setting;
mod statements;
mod wal;

pub use self::evidence::{Evidence, Role, Server};
pub use self::load::{
    Autovacuum, BitmapReads, Cache, Checkpoints, ColumnMisestimate, Connections, DdlWait, Freeze,
    IdleHolder, Inserts, JitLoad, MissingWorkers, PlanChoice, ReadCost, RowLoad, RunAway, Spill,
    SpillKind, TableVacuum, VacuumRun,
};
pub use self::proposal::{Proposal, Scope};
pub use self::setting::Setting;

/// Answers which settings to change.
///
/// Proposals come in the order of their scope, the smallest first, then by the time that they
/// save. Memory goes to those that save the most: settings of queries claim at most a quarter of
/// the machine's memory for all roles, and all claims with the buffers three quarters.
///
/// ```
/// use pga_insight::parameters::{Evidence, advise};
///
/// assert!(advise(&Evidence::default()).is_empty());
/// ```
#[must_use]
pub fn advise(of: &Evidence) -> Vec<Proposal> {
    let mut all = memory::propose(of);
    all.extend(planner::propose(of));
    all.extend(wal::propose(of));
    all.extend(autovacuum::propose(of));
    all.extend(sessions::propose(of));
    all.extend(statements::propose(of));
    all.extend(observation::propose(of));
    let mut kept = budget::within(of, all);
    kept.sort_by(|one, other| {
        let by_scope = one.scope.cmp(&other.scope);
        let by_saving = other.saved_ms_per_day.total_cmp(&one.saved_ms_per_day);
        by_scope.then(by_saving)
    });
    kept
}

#[cfg(test)]
mod testing;

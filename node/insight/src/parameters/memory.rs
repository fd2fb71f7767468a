//! work_mem, hash_mem_multiplier, maintenance_work_mem, shared_buffers.

use super::budget::QUERY_SHARE;
use super::evidence::{Evidence, Role};
use super::load::{Spill, SpillKind, VacuumRun};
use super::proposal::{Proposal, Reason, Scope};
use super::setting::{MIB, size};
use crate::words::count;

/// Fewer calls a day are not worth memory.
const MIN_CALLS_PER_DAY: f64 = 10.0;
/// Blocks found in the buffers that are enough.
const GOOD_HIT_SHARE: f64 = 0.95;
/// Reads that are faster come from the system's page cache, in milliseconds.
const CACHED_READ_MS: f64 = 0.2;
/// Buffers given up a second that are many.
const MANY_EVICTIONS: f64 = 1_000.0;
/// Most memory that vacuum can use for row ids before version 17, in bytes.
const MAX_VACUUM_BYTES: f64 = 1_024.0 * MIB;

pub(super) fn propose(of: &Evidence) -> Vec<Proposal> {
    let roles = of.roles.iter().filter_map(|role| for_role(of, role));
    let server = [maintenance(of), buffers(of)];
    roles.chain(server.into_iter().flatten()).collect()
}

/// What one spill needs, and what a setting lets the role take for it.
struct Need<'a> {
    spill: &'a Spill,
    /// Memory of a node, in bytes.
    bytes: f64,
    /// Nodes that may take it at the same time in all sessions of the role.
    takers: f64,
}

/// The setting that keeps a role's spills in memory: the largest that fits the bound.
fn for_role(of: &Evidence, role: &Role) -> Option<Proposal> {
    let sessions = role.sessions_p99.filter(|sessions| *sessions >= 1.0)?;
    let bound = QUERY_SHARE * of.server.memory_bytes?;
    let current = of.role_setting(&role.name, "work_mem")?.bytes()?;
    let own = |spill: &&Spill| {
        spill.role == role.name && spill.calls_per_day >= MIN_CALLS_PER_DAY && spill.bytes >= MIB
    };
    let spills: Vec<&Spill> = of.spills.iter().filter(own).collect();
    let is_hash = |kind: SpillKind| matches!(kind, SpillKind::Hash | SpillKind::Aggregate);
    if !spills.is_empty() && spills.iter().all(|spill| is_hash(spill.kind)) {
        return multiplier(of, role, &spills, current, bound);
    }
    let takers = |spill: &Spill| sessions * spill.nodes.max(1.0) * (spill.workers.max(0.0) + 1.0);
    let needs = spills.iter().map(|spill| Need {
        spill,
        bytes: need(spill),
        takers: takers(spill),
    });
    let fits = |need: &Need<'_>| need.bytes * need.takers <= bound;
    let most_takers = spills.iter().map(|spill| takers(spill)).fold(0.0, f64::max);
    let best = needs
        .filter(|need| need.bytes > current && fits(need))
        .filter(|need| need.bytes.max(current) * most_takers <= bound)
        .max_by(|one, other| one.bytes.total_cmp(&other.bytes))?;
    let proposed = (best.bytes / MIB).ceil() * MIB;
    let helped: Vec<&Spill> = spills
        .iter()
        .copied()
        .filter(|spill| need(spill) <= best.bytes)
        .collect();
    let reason = Reason {
        evidence: format!(
            "{} of {} with up to {} of temporary files a call, {} a day; at most {} at once",
            count(helped.len() as f64, "statement", "statements"),
            role.name,
            size(best.spill.bytes),
            count(
                helped.iter().map(|spill| spill.calls_per_day).sum(),
                "call",
                "calls"
            ),
            count(sessions, "session of it works", "sessions of it work"),
        ),
        risk: "memory: each node of each session may take it",
        measured_by: "temp blocks/call",
    };
    let sized = if best.spill.kind == SpillKind::Unknown {
        0.5
    } else {
        0.8
    };
    let proposal = Proposal::role(of, &role.name, "work_mem", size(proposed), reason)?;
    Some(
        finish(proposal, &helped)
            .with_memory(proposed * most_takers)
            .with_confidence(sized),
    )
}

/// Memory that would have kept a spill off the disk: 1.3 times what it wrote; a sort in memory
/// takes twice what it takes on disk.
fn need(spill: &Spill) -> f64 {
    match spill.kind {
        SpillKind::Sort => 2.0 * spill.bytes,
        _ => 1.3 * spill.bytes,
    }
}

/// Twice the memory for hashes alone.
fn multiplier(
    of: &Evidence,
    role: &Role,
    spills: &[&Spill],
    work_mem: f64,
    bound: f64,
) -> Option<Proposal> {
    let sessions = role.sessions_p99?;
    let current = of
        .role_setting(&role.name, "hash_mem_multiplier")?
        .number()?;
    let proposed = if current < 2.0 { 2.0 } else { 4.0 };
    let takers = spills
        .iter()
        .map(|spill| sessions * spill.nodes.max(1.0) * (spill.workers.max(0.0) + 1.0))
        .fold(0.0, f64::max);
    let memory = proposed * work_mem * takers;
    if current >= proposed || memory > bound {
        return None;
    }
    let largest = spills.iter().map(|spill| spill.bytes).fold(0.0, f64::max);
    let reason = Reason {
        evidence: format!(
            "only hashes of {} spill, in {}, up to {} a call",
            role.name,
            count(spills.len() as f64, "statement", "statements"),
            size(largest)
        ),
        risk: "memory: each hash of each session may take it",
        measured_by: "hash batches",
    };
    let value = format!("{proposed:.0}");
    let proposal = Proposal::role(of, &role.name, "hash_mem_multiplier", value, reason)?;
    Some(finish(proposal, spills).with_memory(memory))
}

/// Adds families and savings of the spills that vanish.
fn finish(proposal: Proposal, spills: &[&Spill]) -> Proposal {
    let share = spills
        .iter()
        .filter_map(|spill| spill.share)
        .fold(0.0, f64::max);
    let saved: f64 = spills
        .iter()
        .filter_map(|spill| Some(spill.share? * spill.mean_ms? * spill.calls_per_day))
        .sum();
    let families = spills.iter().map(|spill| spill.fingerprint).collect();
    proposal
        .saving(Some(share), Some(saved))
        .for_families(families)
}

/// Memory for row ids, so that vacuum reads the indexes once.
fn maintenance(of: &Evidence) -> Option<Proposal> {
    let again = |run: &&VacuumRun| run.index_scans > 1.0;
    let largest = of
        .vacuums
        .iter()
        .filter(again)
        .max_by(|one, other| one.dead_ids.total_cmp(&other.dead_ids))?;
    let own = of.setting("autovacuum_work_mem")?;
    let name = if own.number()? < 0.0 {
        "maintenance_work_mem"
    } else {
        "autovacuum_work_mem"
    };
    let current = of.setting(name)?.bytes()?;
    let workers = of.setting("autovacuum_max_workers")?.number()?;
    let version_cap = if of.server.major? < 17 {
        MAX_VACUUM_BYTES
    } else {
        f64::INFINITY
    };
    let cap = version_cap.min(of.server.memory_bytes? / 16.0);
    let proposed = (6.0 * largest.dead_ids).min(cap);
    if proposed < current + MIB {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "vacuum of {} read its indexes {} for {}",
            largest.relation,
            count(largest.index_scans, "time", "times"),
            count(largest.dead_ids, "dead row", "dead rows")
        ),
        risk: "memory: each autovacuum worker may take it",
        measured_by: "index scans a vacuum: 1",
    };
    let proposal = Proposal::server(of, Scope::Reload, name, size(proposed), reason)?;
    Some(proposal.with_memory(proposed * workers))
}

/// A quarter of the memory, then two fifths.
fn buffers(of: &Evidence) -> Option<Proposal> {
    let cache = of.cache?;
    let (hits, read_ms) = (cache.hit_share?, cache.read_ms?);
    let evictions = cache.evictions_per_second?;
    let memory = of.server.memory_bytes?;
    let current = of.setting("shared_buffers")?.bytes()?;
    let missed = hits < GOOD_HIT_SHARE && read_ms < CACHED_READ_MS && evictions > MANY_EVICTIONS;
    let quarter = 0.25 * memory;
    let proposed = if current < 0.9 * quarter {
        quarter
    } else {
        0.4 * memory
    };
    if !missed || current >= 0.9 * proposed {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "{:.0} % of blocks are found in the buffers, {evictions:.0} buffers a second are given \
             up, and reads take {read_ms:.2} ms: the system's cache has them",
            hits * 100.0
        ),
        risk: "a restart; less memory for the system's cache",
        measured_by: "read time/s",
    };
    let proposal = Proposal::server(of, Scope::Restart, "shared_buffers", size(proposed), reason)?;
    Some(proposal.with_memory(proposed))
}

#[cfg(test)]
mod tests;

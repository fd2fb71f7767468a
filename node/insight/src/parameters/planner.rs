//! effective_cache_size, random_page_cost, effective_io_concurrency, jit, max_parallel_workers,
//! plan_cache_mode, statistics target.

use super::evidence::Evidence;
use super::load::{ColumnMisestimate, JitLoad, PlanChoice};
use super::proposal::{Proposal, Reason, Scope, quoted};
use super::setting::size;
use crate::words::{count, figure};

/// What one statistics target is raised to.
const TARGET: f64 = 500.0;

pub(super) fn propose(of: &Evidence) -> Vec<Proposal> {
    let single = [cache_size(of), page_cost(of), workers(of)];
    let mut all: Vec<Proposal> = single.into_iter().flatten().collect();
    all.extend(io_concurrency(of));
    all.extend(of.jit.iter().filter_map(|load| jit(of, load)));
    all.extend(plan_cache(of));
    all.extend(
        of.misestimates
            .iter()
            .filter_map(|column| statistics(of, column)),
    );
    all
}

/// Where all data fit in what the planner reckons with, no plan depends on how much more that is:
/// `index_pages_fetched` (Mackert and Lohman, 1989) counts each page once then.
fn cache_size(of: &Evidence) -> Option<Proposal> {
    let role = of.busiest_role()?;
    let current = of.role_setting(role, "effective_cache_size")?.bytes()?;
    let buffers = of.setting("shared_buffers")?.bytes()?;
    let actual = buffers + of.cache?.page_cache_bytes?;
    let proposed = 0.7 * of.server.memory_bytes?;
    let off = (current / actual).ln().abs();
    let remains = (proposed / actual).ln().abs();
    let fits = of
        .cache?
        .data_bytes
        .is_some_and(|data| data <= current.min(proposed));
    if off <= 2.0_f64.ln() || remains >= off || fits {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "buffers and page cache hold {}, the planner reckons with {}",
            size(actual),
            size(current)
        ),
        risk: "other plans",
        measured_by: "time a call, compared before and after",
    };
    Proposal::role(of, role, "effective_cache_size", size(proposed), reason)
}

fn page_cost(of: &Evidence) -> Option<Proposal> {
    let cost = of
        .read_cost
        .filter(|cost| cost.days > 1.0 && cost.sequential_ms > 0.0)?;
    let role = of.busiest_role()?;
    let current = of.role_setting(role, "random_page_cost")?.number()?;
    let ratio = (cost.random_ms / cost.sequential_ms).clamp(1.1, 4.0);
    let proposed = (ratio * 10.0).round() / 10.0;
    if !ratio.is_finite() || (proposed / current - 1.0).abs() <= 0.2 {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "a random read takes {} ms, a sequential one {} ms, over {}",
            figure(cost.random_ms),
            figure(cost.sequential_ms),
            count(cost.days.round(), "day", "days")
        ),
        risk: "other plans",
        measured_by: "time a call, compared before and after",
    };
    let proposal = Proposal::role(of, role, "random_page_cost", format!("{proposed}"), reason)?;
    Some(proposal.with_confidence(0.5))
}

fn io_concurrency(of: &Evidence) -> Vec<Proposal> {
    let propose = |reads: &super::load::BitmapReads| {
        let proposed = if of.server.major? < 18 { 200.0 } else { 16.0 };
        let current = of
            .role_setting(&reads.role, "effective_io_concurrency")?
            .number()?;
        if !reads.is_ssd || reads.read_share <= 0.5 || current >= proposed {
            return None;
        }
        let reason = Reason {
            evidence: format!(
                "bitmap scans of {} wait for reads {:.0} % of their time, one at a time",
                reads.role,
                reads.read_share * 100.0
            ),
            risk: "reads queue at the disk",
            measured_by: "ms/read",
        };
        let value = format!("{proposed:.0}");
        Proposal::role(of, &reads.role, "effective_io_concurrency", value, reason)
    };
    of.bitmap_reads.iter().filter_map(propose).collect()
}

fn jit(of: &Evidence, load: &JitLoad) -> Option<Proposal> {
    let is_on = of.role_setting(&load.role, "jit")?.is_on()?;
    // Long statements may get back what compilation takes.
    let is_costly = load.share > 0.2 && load.ms_per_call > 50.0 && load.mean_ms <= 10_000.0;
    if !is_on || !is_costly {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "compilation takes {} ms a call, {:.0} % of the time, in {} a day",
            figure(load.ms_per_call),
            load.share * 100.0,
            count(load.calls_per_day, "call", "calls")
        ),
        risk: "long reports of the role may get slower",
        measured_by: "JIT ms",
    };
    let proposal = Proposal::role(of, &load.role, "jit", "off".to_owned(), reason)?;
    let saved = load.ms_per_call * load.calls_per_day;
    let proposal = proposal
        .saving(Some(load.share), Some(saved))
        .with_confidence(0.9);
    Some(proposal.for_families(load.fingerprints.clone()))
}

fn workers(of: &Evidence) -> Option<Proposal> {
    let missing = of.missing_workers?.share;
    let busy = of.server.cpu_busy?;
    let current = of.setting("max_parallel_workers")?.number()?;
    let processes = of.setting("max_worker_processes")?.number()?;
    let proposed = f64::from(of.server.cores?).min(processes);
    if missing < 0.2 || busy >= 0.6 || current >= proposed {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "{:.0} % of the parallel plans miss workers, and the processors are busy {:.0} %",
            missing * 100.0,
            busy * 100.0
        ),
        risk: "processors",
        measured_by: "workers launched by planned",
    };
    let value = format!("{proposed:.0}");
    Proposal::server(of, Scope::Reload, "max_parallel_workers", value, reason)
}

/// One proposal a role, whatever the number of its families.
fn plan_cache(of: &Evidence) -> Vec<Proposal> {
    let mut roles: Vec<&str> = of.plan_choices.iter().map(|of| of.role.as_str()).collect();
    roles.sort_unstable();
    roles.dedup();
    let propose = |role: &str| {
        let own: Vec<&PlanChoice> = of
            .plan_choices
            .iter()
            .filter(|of| of.role == role)
            .collect();
        let current = of.role_setting(role, "plan_cache_mode")?;
        if current.value == "force_custom_plan" {
            return None;
        }
        let generic = own.iter().filter(|of| of.is_generic).count();
        let slowest = own.iter().map(|of| of.slower).fold(1.0, f64::max);
        let reason = Reason {
            evidence: format!(
                "{generic} families of {role} run generic plans and {} suffer from skewed \
                 parameters, up to {slowest:.1} times as slow",
                own.len() - generic
            ),
            risk: "planning time of each call",
            measured_by: "time a call, compared before and after",
        };
        let value = "force_custom_plan".to_owned();
        let proposal = Proposal::role(of, role, "plan_cache_mode", value, reason)?;
        let families = own.iter().map(|of| of.fingerprint).collect();
        Some(proposal.for_families(families))
    };
    roles.into_iter().filter_map(propose).collect()
}

fn statistics(of: &Evidence, column: &ColumnMisestimate) -> Option<Proposal> {
    let default = of.setting("default_statistics_target")?;
    let current = column.target.or_else(|| default.number())?;
    let is_full = column.common_values >= current;
    if column.structures < 3 || current >= TARGET || !is_full {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "the estimate of {}.{} is wrong in {} plans, and its {:.0} most common values fill \
             the target of {current:.0}",
            column.table, column.column, column.structures, column.common_values
        ),
        risk: "ANALYZE takes longer, planning a little",
        measured_by: "rows by estimate of the column",
    };
    let table = format!("{}.{}", quoted(&column.schema), quoted(&column.table));
    let name = quoted(&column.column);
    let set = |target: f64| {
        format!("ALTER TABLE {table} ALTER COLUMN {name} SET STATISTICS {target:.0};")
    };
    let value = format!("{TARGET:.0}");
    Some(Proposal {
        current: Some(format!("{current:.0}")),
        target: Some(format!("{table}.{name}")),
        statement: Some(format!("{} ANALYZE {table} ({name});", set(TARGET))),
        undo: set(column.target.unwrap_or(-1.0)),
        ..Proposal::new("statistics_target", None, value, Scope::Column, reason)
    })
}

#[cfg(test)]
mod tests;

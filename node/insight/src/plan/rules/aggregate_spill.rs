//! P7: a hashed aggregate went to disk.

use super::view::{SELF_SHARE, View};
use super::{About, Finding, Rule, Unit};
use crate::plan::node::PlanNode;
use crate::words::{bytes, count};

/// Least size on disk in KiB.
const MIN_DISK_KIB: f64 = 1_024.0;
/// Memory that is advised by what was on disk.
const MEMORY_BY_DISK: f64 = 1.3;

/// A hashed aggregate that wrote to temporary files, or is planned to.
#[derive(Debug)]
pub(super) struct AggregateSpill;

impl Rule for AggregateSpill {
    fn about(&self) -> About {
        About {
            id: "P7",
            name: "agg_spill",
            disproved_by: "the aggregate in memory is no faster",
        }
    }

    fn judges_estimates(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let is_hashed = matches!(node.shape.strategy.as_deref(), Some("Hashed" | "Mixed"));
        if node.kind != "Aggregate" || !is_hashed || view.is_rare_or_maintenance() {
            return None;
        }
        if node.actual.is_none() {
            return planned(view, self.about(), node);
        }
        let disk = node
            .work
            .aggregate_disk_kib
            .filter(|size| *size >= MIN_DISK_KIB)?;
        if !view.takes(node, SELF_SHARE) {
            return None;
        }
        let batches = node.work.aggregate_batches.unwrap_or(1.0);
        let cause = format!(
            "the groups took {} on disk in {}",
            bytes(disk * 1_024.0),
            count(batches, "batch", "batches")
        );
        let finding = Finding::at(view, self.about(), node, cause)
            .with("disk", disk, Unit::Kibibytes)
            .with("batches", batches, Unit::Count)
            .advise(format!(
                "work_mem of about {:.0}MB for the role",
                (disk * MEMORY_BY_DISK / 1_024.0).ceil()
            ));
        Some(finding.at_stake(node.self_wall_ms().unwrap_or(0.0)))
    }
}

/// A plan that was not executed tells what the planner prepares for.
fn planned(view: &View<'_>, about: About, node: &PlanNode) -> Option<Finding> {
    let partitions = node
        .work
        .aggregate_partitions_planned
        .filter(|count| *count > 0.0)?;
    let bytes = node.estimate.rows * node.estimate.width;
    let cause = format!("the groups are planned to go to disk in {partitions:.0} partitions");
    let finding = Finding::at(view, about, node, cause)
        .with("partitions planned", partitions, Unit::Count)
        .with("size expected", bytes / 1024.0, Unit::Kibibytes)
        .advise("work_mem for the role");
    (bytes >= MIN_DISK_KIB * 1024.0).then_some(finding)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
HashAggregate  (cost=0.00..9.00 rows=900000 width=40) (actual time=60.1..90.0 rows=99999 loops=1)
  Group Key: a
  Planned Partitions: 4  Batches: 5  Memory Usage: 100kB  Disk Usage: 2000kB
  ->  Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..10.0 rows=99999 loops=1)
Execution Time: 91.0 ms
";

    #[test]
    fn groups_on_disk_are_found() {
        let finding = fires(&AggregateSpill, PLAN, &PlanFacts::default());
        assert!(finding.advice[0].contains("3MB"));
        let estimate =
            "HashAggregate  (cost=0.00..9.00 rows=900000 width=40)\n  Planned Partitions: 4\n";
        fires(&AggregateSpill, estimate, &PlanFacts::default());
    }

    #[test]
    fn groups_in_memory_are_left_alone() {
        let none = PlanFacts::default();
        silent(
            &AggregateSpill,
            "small",
            &PLAN.replace("2000kB", "20kB"),
            &none,
        );
        let small = "HashAggregate  (cost=0.00..9.00 rows=9 width=40)\n  Planned Partitions: 4\n";
        silent(&AggregateSpill, "small estimate", small, &none);
        let rare = PlanFacts {
            calls_per_day: Some(1.0),
            ..none
        };
        silent(&AggregateSpill, "rare", PLAN, &rare);
    }
}

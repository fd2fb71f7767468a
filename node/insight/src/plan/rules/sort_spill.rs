//! P5: a sort went to disk.

use super::view::{SELF_SHARE, View};
use super::{About, Finding, Rule, Unit};
use crate::plan::node::PlanNode;
use crate::words::bytes;

/// Least size on disk in KiB.
const MIN_DISK_KIB: f64 = 1_024.0;
/// A sort takes about twice as much in memory as on disk.
const MEMORY_BY_DISK: f64 = 2.0;

/// A sort that wrote to temporary files.
#[derive(Debug)]
pub(super) struct SortSpill;

impl Rule for SortSpill {
    fn about(&self) -> About {
        About {
            id: "P5",
            name: "sort_spill",
            disproved_by: "the sort in memory is no faster",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let disk = node
            .work
            .sort_disk_kib
            .filter(|size| *size >= MIN_DISK_KIB)?;
        if !view.takes(node, SELF_SHARE) || view.is_rare_or_maintenance() {
            return None;
        }
        let keys = node.keys.sort.join(", ");
        let cause = format!("sorts {} on disk", bytes(disk * 1_024.0));
        let finding = Finding::at(view, self.about(), node, cause)
            .with("disk", disk, Unit::Kibibytes)
            .with("rows", node.rows()?, Unit::Rows)
            .advise(format!(
                "work_mem of about {:.0}MB for the role",
                (disk * MEMORY_BY_DISK / 1_024.0).ceil()
            ))
            .advise(format!("an index that gives the order: {keys}"));
        Some(finding.at_stake(node.self_wall_ms().unwrap_or(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Sort  (cost=0.00..9.00 rows=9 width=4) (actual time=60.1..90.0 rows=99999 loops=1)
  Sort Key: a
  Sort Method: external merge  Disk: 4096kB
  ->  Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..10.0 rows=99999 loops=1)
Execution Time: 91.0 ms
";

    #[test]
    fn a_sort_on_disk_is_found() {
        let finding = fires(&SortSpill, PLAN, &PlanFacts::default());
        assert!(finding.advice[0].contains("8MB") && finding.advice[1].ends_with(": a"));
        let groups = PLAN.replace("Sort  (", "Incremental Sort  (").replace(
            "Sort Method: external merge  Disk: 4096kB",
            "Pre-sorted Groups: 2  Sort Method: external merge  Average Disk: 9kB  Peak Disk: 2048kB",
        );
        fires(&SortSpill, &groups, &PlanFacts::default());
    }

    #[test]
    fn small_rare_and_maintaining_sorts_are_left_alone() {
        let none = PlanFacts::default();
        silent(&SortSpill, "small", &PLAN.replace("4096kB", "512kB"), &none);
        silent(&SortSpill, "memory", &PLAN.replace("Disk", "Memory"), &none);
        let rare = PlanFacts {
            calls_per_day: Some(9.0),
            ..none.clone()
        };
        silent(&SortSpill, "rare", PLAN, &rare);
        let maintenance = PlanFacts {
            is_maintenance: Some(true),
            ..none
        };
        silent(&SortSpill, "maintenance", PLAN, &maintenance);
    }
}

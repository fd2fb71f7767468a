//! P6: a hash table did not fit into memory.

use super::view::{SELF_SHARE, View, is_right};
use super::{About, Finding, Rule, Unit};
use crate::plan::node::PlanNode;

/// Least blocks written to temporary files.
const MIN_TEMP_BLOCKS: f64 = 128.0;
/// Share of the machine's memory that no setting gives to one hash table.
const MAX_MEMORY_SHARE: f64 = 0.25;

/// A hash join in several batches.
#[derive(Debug)]
pub(super) struct HashBatches;

impl Rule for HashBatches {
    fn about(&self) -> About {
        About {
            id: "P6",
            name: "hash_batches",
            disproved_by: "the join in one batch is no faster",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let batches = node.work.hash_batches.filter(|batches| *batches > 1.0)?;
        let join = view.parent(node).filter(|_| node.kind == "Hash")?;
        let temp = |of: &PlanNode| of.buffers.map_or(0.0, |buffers| buffers.temp_written);
        let outer = join
            .children
            .iter()
            .find(|child| child.id != node.id)
            .map_or(0.0, temp);
        let written = temp(join) - outer;
        // Batches cost both sides: the one that builds and the one that probes.
        let own = join
            .self_wall_ms()
            .zip(node.self_wall_ms())
            .map(|(one, other)| one + other);
        let share = own
            .zip(view.plan.total_ms())
            .map(|(own, total)| own / total);
        let matters = view.is_slow() && share.is_none_or(|share| share >= SELF_SHARE);
        if written < MIN_TEMP_BLOCKS || !matters {
            return None;
        }
        let planned = node.work.hash_batches_planned.unwrap_or(batches);
        let build_bytes = node.rows()? * node.estimate.width;
        let too_large = view
            .facts
            .memory_bytes
            .is_some_and(|all| build_bytes > MAX_MEMORY_SHARE * all);
        let is_off = node.estimate_error().is_some_and(|error| !is_right(error));
        let cause = format!("the hash table took {batches:.0} batches, {planned:.0} were planned");
        let finding = Finding::at(view, self.about(), node, cause)
            .with("batches", batches, Unit::Count)
            .with("batches planned", planned, Unit::Count)
            .with("blocks written", written, Unit::Blocks)
            .advise_if(is_off, "the estimate of the hashed side first (P1)")
            .advise_if(
                too_large,
                "the hashed side is over a quarter of the memory: no setting helps, hash less",
            )
            .advise_if(!too_large, "hash_mem_multiplier up to 4 for the role")
            .advise_if(!too_large, "work_mem for the role");
        Some(finding.at_stake(own.unwrap_or(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Hash Join  (cost=0.00..9.00 rows=9 width=4) (actual time=60.1..90.0 rows=99999 loops=1)
  Buffers: shared hit=1, temp read=900 written=900
  ->  Seq Scan on a  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..10.0 rows=99999 loops=1)
  ->  Hash  (cost=0.00..9.00 rows=99999 width=40) (actual time=0.1..30.0 rows=99999 loops=1)
        Buckets: 4096 (originally 1024)  Batches: 16 (originally 4)  Memory Usage: 89kB
        Buffers: temp written=400
        ->  Seq Scan on b  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..10.0 rows=99999 loops=1)
Execution Time: 91.0 ms
";

    #[test]
    fn batches_are_found() {
        let finding = fires(&HashBatches, PLAN, &PlanFacts::default());
        assert!(
            finding.cause.contains("16 batches, 4 were"),
            "{}",
            finding.cause
        );
        let small = PlanFacts {
            memory_bytes: Some(1e6),
            ..PlanFacts::default()
        };
        assert!(fires(&HashBatches, PLAN, &small).advice[0].contains("no setting"));
    }

    #[test]
    fn one_batch_and_little_written_are_left_alone() {
        let none = PlanFacts::default();
        silent(
            &HashBatches,
            "one",
            &PLAN.replace("Batches: 16", "Batches: 1"),
            &none,
        );
        silent(
            &HashBatches,
            "few",
            &PLAN.replace("written=900", "written=100"),
            &none,
        );
    }
}

//! P4: a bitmap had no memory for single rows.

use super::view::View;
use super::{About, Finding, Rule, Unit};
use crate::plan::node::PlanNode;

/// Least share of the blocks that are lossy.
const LOSSY_SHARE: f64 = 0.1;
/// Least share of the execution that looking twice takes.
const SHARE: f64 = 0.05;
/// Memory that a bitmap takes for one page, in bytes.
const BYTES_PER_PAGE: f64 = 64.0;

/// A bitmap names whole blocks, and most of their rows are thrown away.
#[derive(Debug)]
pub(super) struct BitmapLossy;

impl Rule for BitmapLossy {
    fn about(&self) -> About {
        About {
            id: "P4",
            name: "bitmap_lossy",
            disproved_by: "no block is lossy with more work_mem, and the time stays",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let lossy = node.work.lossy_blocks.filter(|blocks| *blocks > 0.0)?;
        let pages = lossy + node.work.exact_blocks.unwrap_or(0.0);
        let removed = node.actual?.removed_by_recheck;
        let is_lossy = lossy / pages > LOSSY_SHARE && removed > node.rows()?;
        if !is_lossy || !view.takes(node, SHARE) {
            return None;
        }
        let wanted = (pages * BYTES_PER_PAGE / 1024.0).ceil();
        let cause = format!("{lossy:.0} of {pages:.0} blocks are in the bitmap as a whole");
        let finding = Finding::at(view, self.about(), node, cause)
            .with("lossy blocks", lossy, Unit::Blocks)
            .with("blocks", pages, Unit::Blocks)
            .with("rows removed", removed, Unit::Rows)
            .advise(format!("work_mem of at least {wanted:.0}kB for the role"))
            .advise("an index that finds fewer rows");
        Some(finding.at_stake(node.self_wall_ms().unwrap_or(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Bitmap Heap Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=10 loops=1)
  Rows Removed by Index Recheck: 50000
  Heap Blocks: exact=100 lossy=900
  ->  Bitmap Index Scan on t_a  (cost=0.00..9.00 rows=9 width=0) (actual time=0.1..1.0 rows=10 loops=1)
Execution Time: 91.0 ms
";

    #[test]
    fn a_lossy_bitmap_is_found() {
        let finding = fires(&BitmapLossy, PLAN, &PlanFacts::default());
        assert!(finding.advice[0].contains("63kB"), "{:?}", finding.advice);
    }

    #[test]
    fn few_lossy_blocks_do_no_harm() {
        for (name, from, to) in [
            ("few", "lossy=900", "lossy=9"),
            ("none removed", "Recheck: 50000", "Recheck: 9"),
            ("no share", "91.0 ms", "9100.0 ms"),
        ] {
            silent(
                &BitmapLossy,
                name,
                &PLAN.replace(from, to),
                &PlanFacts::default(),
            );
        }
    }
}

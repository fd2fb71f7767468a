//! P9: a cache of look-ups that answers none.

use super::view::View;
use super::{About, Finding, Rule, Unit};
use crate::plan::node::PlanNode;

/// Least share of the look-ups that the cache should answer.
const MIN_HITS: f64 = 0.1;
/// Fewer misses are no sample.
const MIN_MISSES: f64 = 1_000.0;
/// Entries given up for others, by misses.
const EVICTED: f64 = 0.5;
/// Least share of the execution that the cache itself takes.
const SHARE: f64 = 0.05;

/// A Memoize whose keys hardly repeat, or that is too small for them.
#[derive(Debug)]
pub(super) struct MemoizeUseless;

impl Rule for MemoizeUseless {
    fn about(&self) -> About {
        About {
            id: "P9",
            name: "memoize_useless",
            disproved_by: "the plan with enable_memoize = off is no faster",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let misses = node
            .work
            .cache_misses
            .filter(|misses| *misses > MIN_MISSES)?;
        let hits = node.work.cache_hits.unwrap_or(0.0);
        let evictions = node.work.cache_evictions.unwrap_or(0.0);
        let share = hits / (hits + misses);
        let is_useless = share < MIN_HITS || evictions > misses * EVICTED;
        if !is_useless || !view.takes(node, SHARE) {
            return None;
        }
        let cause = format!("the cache answers {:.1} % of the look-ups", share * 100.0);
        let finding = Finding::at(view, self.about(), node, cause)
            .with("hits", hits, Unit::Count)
            .with("misses", misses, Unit::Count)
            .with("evictions", evictions, Unit::Count)
            .advise("ALTER COLUMN … SET (n_distinct = …) for the key, then ANALYZE")
            .advise_if(
                evictions > 0.0,
                "work_mem or hash_mem_multiplier for the role",
            );
        Some(finding.at_stake(node.self_wall_ms().unwrap_or(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Memoize  (cost=0.00..9.00 rows=9 width=4) (actual time=0.01..0.02 rows=1 loops=5000)
  Cache Key: a.x
  Hits: 100  Misses: 4900  Evictions: 0  Overflows: 0  Memory Usage: 99kB
Execution Time: 120.0 ms
";

    #[test]
    fn keys_that_do_not_repeat_are_found() {
        fires(&MemoizeUseless, PLAN, &PlanFacts::default());
        let evicting = PLAN
            .replace("Hits: 100", "Hits: 9999")
            .replace("ions: 0", "ions: 4000");
        assert_eq!(
            fires(&MemoizeUseless, &evicting, &PlanFacts::default())
                .advice
                .len(),
            2
        );
    }

    #[test]
    fn a_cache_that_helps_is_left_alone() {
        for (name, from, to) in [
            ("hits", "Hits: 100", "Hits: 9999"),
            ("few", "Misses: 4900", "Misses: 900"),
            ("no share", "120.0 ms", "12000.0 ms"),
        ] {
            silent(
                &MemoizeUseless,
                name,
                &PLAN.replace(from, to),
                &PlanFacts::default(),
            );
        }
    }
}

//! What a comparison of two windows comes to, in a sentence.

use pga_config::CollectorId;
use pga_insight::comparison::{Comparison, Tolerance};

use crate::analyses::workload::Window;
use crate::analyses::{collectors, comparison};
use crate::{ApiError, NodeApi};

/// Compares a server, or all of them.
pub(super) async fn of(
    api: &dyn NodeApi,
    only: Option<CollectorId>,
    [before, after]: [Window; 2],
) -> Result<String, ApiError> {
    let mut sum = Comparison::default();
    for id in collectors(api)? {
        if only.is_some_and(|only| only != id) {
            continue;
        }
        let found = comparison::of_server(api, id, (before, after), Tolerance::default()).await?;
        sum.degraded_count += found.degraded_count;
        sum.improved_count += found.improved_count;
        sum.unchanged_count += found.unchanged_count;
        sum.new_count += found.new_count;
        sum.gone_count += found.gone_count;
        sum.inconclusive_count += found.inconclusive_count;
        sum.not_comparable_count += found.not_comparable_count;
    }
    Ok(sentence(&sum))
}

fn sentence(found: &Comparison) -> String {
    format!(
        "Statements compared with the hour before: {} slower, {} faster, {} as before, {} new, {} \
         gone, {} that cannot be told.",
        found.degraded_count,
        found.improved_count,
        found.unchanged_count,
        found.new_count,
        found.gone_count,
        found.inconclusive_count + found.not_comparable_count,
    )
}

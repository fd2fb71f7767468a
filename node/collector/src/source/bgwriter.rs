//! The background writer (`pg_stat_bgwriter`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_bgwriter", 60, Shape::One, sql);

/// Until 16 the view holds what the checkpointer does too: that is in its own element.
fn sql(facts: &Facts) -> Option<String> {
    let backend = |column| facts.column("pg_stat_bgwriter", column, "bigint");
    Some(format!(
        "SELECT buffers_clean, maxwritten_clean, buffers_alloc, {}, {}, stats_reset \
         FROM pg_stat_bgwriter",
        backend("buffers_backend"),
        backend("buffers_backend_fsync"),
    ))
}

//! Checkpoints (`pg_stat_checkpointer`, until 16 in `pg_stat_bgwriter`), under the names of 17.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_checkpointer", 60, Shape::One, sql);

fn sql(facts: &Facts) -> Option<String> {
    let counters = match facts.has_view("pg_stat_checkpointer") {
        true => "SELECT * FROM pg_stat_checkpointer",
        false => {
            "SELECT checkpoints_timed AS num_timed, checkpoints_req AS num_requested, \
             checkpoint_write_time AS write_time, checkpoint_sync_time AS sync_time, \
             buffers_checkpoint AS buffers_written, stats_reset FROM pg_stat_bgwriter"
        }
    };
    Some(format!(
        "SELECT c.*, p.redo_lsn::text AS redo_lsn, p.checkpoint_time \
         FROM ({counters}) c CROSS JOIN pg_control_checkpoint() p"
    ))
}

//! Archiving of WAL (`pg_stat_archiver`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_archiver", 60, Shape::One, sql);

fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT a.*, current_setting('archive_mode') AS archive_mode, \
        round(extract(epoch FROM clock_timestamp() - last_archived_time)::numeric, 3) AS last_archived_age_seconds, \
        round(extract(epoch FROM clock_timestamp() - last_failed_time)::numeric, 3) AS last_failed_age_seconds \
        FROM pg_stat_archiver a";
    Some(sql.to_owned())
}

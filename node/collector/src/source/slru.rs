//! The caches of transaction status and the like (`pg_stat_slru`), under the names of 17.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source =
    Source::new("pg_slru", 60, Shape::RowsIfAny, sql).changes_of(&["name"], &[]);

fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT CASE name WHEN 'CommitTs' THEN 'commit_timestamp' \
        WHEN 'MultiXactMember' THEN 'multixact_member' WHEN 'MultiXactOffset' THEN 'multixact_offset' \
        WHEN 'Notify' THEN 'notify' WHEN 'Serial' THEN 'serializable' \
        WHEN 'Subtrans' THEN 'subtransaction' WHEN 'Xact' THEN 'transaction' ELSE name END AS name, \
        blks_zeroed, blks_hit, blks_read, blks_written, blks_exists, flushes, truncates, stats_reset \
        FROM pg_stat_slru ORDER BY 1";
    Some(sql.to_owned())
}

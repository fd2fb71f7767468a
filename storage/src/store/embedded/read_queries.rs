//! Top queries, from counter differences.

use rusqlite::{Connection, OptionalExtension, params};

use super::rollups;
use super::values::failed;
use crate::Result;
use crate::store::query_rollup::Span;
use crate::store::top_queries;
use crate::store::{CollectorQuery, QueryStats};

/// The newest text of a statement.
const TEXT: &str = "SELECT query_text FROM metrics_pg_stats_query
    WHERE query_hash = ?1 AND +collector_id = ?2 AND database_name = ?3 AND user_name = ?4
    AND time <= ?5 ORDER BY time DESC LIMIT 1";

/// Answers `query`.
pub(super) fn top(db: &Connection, query: &CollectorQuery) -> Result<Vec<QueryStats>> {
    let window = Span {
        begin: query.from,
        end: query.to,
    };
    // One transaction, so that rows and spans are of one moment.
    let db = db.unchecked_transaction().map_err(failed("read"))?;
    let collector = query.collector.get();
    let rollup = rollups::window(&db, collector, window)?;
    let only = query.database.as_deref();
    let stats = rollup.stats(&collector.to_string(), window, only);
    let mut top = top_queries::rank(stats, query.order, query.limit);
    let mut find = db.prepare_cached(TEXT).map_err(failed("read"))?;
    for stats in &mut top {
        let text = find.query_row(
            params![
                stats.query_hash,
                collector.as_bytes(),
                stats.database_name,
                stats.user_name,
                stats.time.micros()
            ],
            |row| row.get(0),
        );
        stats.query_text = text.optional().map_err(failed("read"))?.unwrap_or_default();
    }
    Ok(top)
}

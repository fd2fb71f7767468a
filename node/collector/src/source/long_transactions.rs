//! What holds old row versions back: sessions, prepared transactions, slots, standbys.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source =
    Source::new("pg_long_transaction", 10, Shape::RowsIfAny, sql).at_most(10);

/// The oldest ten, by the age of what they hold in transactions.
fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT * FROM (\
        SELECT 'backend' AS kind, pid::text AS holder, usename AS user, datname AS database, \
            application_name AS application, state, greatest(age(backend_xmin), age(backend_xid)) \
            AS xmin_age, round(extract(epoch FROM clock_timestamp() - xact_start)::numeric, 3) \
            AS age_seconds, query \
            FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type <> 'walsender' \
            AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) \
            AND clock_timestamp() - xact_start > interval '60 seconds' \
        UNION ALL SELECT 'prepared', gid, owner::text, database::text, NULL, NULL, \
            age(transaction), round(extract(epoch FROM clock_timestamp() - prepared)::numeric, 3), \
            NULL FROM pg_prepared_xacts \
        UNION ALL SELECT 'slot', slot_name::text, NULL, database::text, plugin::text, \
            CASE WHEN active THEN 'active' ELSE 'inactive' END, \
            greatest(age(xmin), age(catalog_xmin)), NULL, NULL FROM pg_replication_slots \
            WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL \
        UNION ALL SELECT 'standby', pid::text, usename, NULL, application_name, state, \
            age(backend_xmin), NULL, NULL FROM pg_stat_replication \
            WHERE backend_xmin IS NOT NULL) h ORDER BY xmin_age DESC NULLS LAST";
    Some(sql.to_owned())
}

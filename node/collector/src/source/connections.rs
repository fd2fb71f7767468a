//! Connections by database, user, application, state and encryption.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_connection", 60, Shape::Rows, sql).at_most(500);

fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT a.datname AS database, a.usename AS user, a.application_name AS application, \
        a.state, coalesce(s.ssl, false) AS ssl, count(*) AS sessions, \
        round(max(extract(epoch FROM clock_timestamp() - a.backend_start))::numeric, 3) AS oldest_seconds, \
        round(max(extract(epoch FROM clock_timestamp() - a.state_change))::numeric, 3) \
            AS longest_in_state_seconds \
        FROM pg_stat_activity a LEFT JOIN pg_stat_ssl s ON s.pid = a.pid \
        WHERE a.backend_type = 'client backend' GROUP BY 1, 2, 3, 4, 5 ORDER BY sessions DESC, 1, 2, 3, 4";
    Some(sql.to_owned())
}

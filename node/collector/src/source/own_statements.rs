//! The statements that the collector runs itself: what they cost is in `collector_cost`, and they
//! are not among the server's statements.

/// Condition on rows of `pg_stat_statements`: the collector's own. Its queries have a tag behind
/// their first keyword. What begins and ends their transactions has none and is known by the role,
/// so a role that others work with hides their `COMMIT` too.
pub(super) const OWN: &str = "(query ~ '^(SELECT|EXPLAIN|SAVEPOINT|ROLLBACK) /\\* pganalytics:' \
    OR ((query LIKE 'SET LOCAL %' OR query IN ('BEGIN READ ONLY', 'COMMIT', 'ROLLBACK')) \
    AND userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)))";

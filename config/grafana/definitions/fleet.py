"""All servers at a glance: dashboard 10."""

from .model import dashboard, series, stat, table
from .parts import BUCKET, CHOSEN_DATABASES, COLLECTOR, HOSTS, collectors, databases
from .replication import SENDERS

DATABASE_TABLE = "metrics.metrics_pg_stats_database"
# Each collector's newest element in the range.
NEWEST = f"""newest AS (
  SELECT collector_id, max(time) AS time FROM metrics.elements
  WHERE $__timeFilter(time) AND {COLLECTOR} GROUP BY 1)"""
TRANSACTIONS = "xact_commit_delta + xact_rollback_delta"

FLEET = dashboard(
    "fleet",
    "Fleet",
    "Every server at a glance. Alerts live in the nodes, not in the database: see their page.",
    [collectors(), databases(DATABASE_TABLE)],
    [
        stat("Collectors that Report", "Collectors with an element in the last two minutes of the range.", "short", f"""
WITH {NEWEST}
SELECT count(*) AS value FROM newest WHERE time > $__timeTo()::timestamptz - interval '2 minutes'"""),
        stat("Collectors that Are Silent", "Collectors of the range without an element in its last two minutes.",
             "short", f"""
WITH {NEWEST}
SELECT count(*) AS value FROM newest WHERE time <= $__timeTo()::timestamptz - interval '2 minutes'"""),
        stat("Connections", "Sessions of all databases, as last seen.", "short", f"""
SELECT sum(numbackends) AS value FROM (
  SELECT DISTINCT ON (collector_id, database_name) numbackends FROM {DATABASE_TABLE}
  WHERE {CHOSEN_DATABASES} ORDER BY collector_id, database_name, time DESC) n"""),
        stat("Worst Lag", "The longest lag of replay on any standby in the range.", "s", f"""
WITH {SENDERS}
SELECT max(replay_lag) AS value FROM senders"""),
        table("Servers", "Each collector in the range, the silent ones first.", f"""
WITH {HOSTS}, {NEWEST}, {SENDERS}
SELECT h.host AS "Host", n.collector_id::text AS "Collector", n.time AS "Last element",
  greatest(extract(epoch FROM $__timeTo()::timestamptz - n.time), 0) AS "Silent for", d.tps AS "Transactions",
  d.connections AS "Connections", d.hits AS "Hit ratio", s.lag AS "Worst lag"
FROM newest n JOIN hosts h USING (collector_id)
LEFT JOIN (
  SELECT collector_id, sum(tps) AS tps, sum(connections) AS connections, sum(hit) / nullif(sum(hit + read), 0) AS hits
  FROM (
    SELECT collector_id, sum({TRANSACTIONS}) / nullif(sum(interval_seconds), 0) AS tps,
      last(numbackends, time) AS connections, sum(blks_hit_delta) AS hit, sum(blks_read_delta) AS read
    FROM {DATABASE_TABLE} WHERE {CHOSEN_DATABASES} GROUP BY collector_id, database_name) b
  GROUP BY 1) d USING (collector_id)
LEFT JOIN (SELECT collector_id, max(replay_lag) AS lag FROM senders GROUP BY 1) s USING (collector_id)
ORDER BY 4 DESC""", {"Last element": "dateTimeAsIso", "Silent for": "s", "Transactions": "ops",
                     "Hit ratio": "percentunit", "Worst lag": "s"}),
        series("Transactions", "Commits and rollbacks a second, by collector.", "ops", f"""
SELECT time, metric, sum(value) AS value FROM (
  SELECT {BUCKET} AS time, collector_id::text AS metric, database_name,
    sum({TRANSACTIONS}) / nullif(sum(interval_seconds), 0) AS value
  FROM {DATABASE_TABLE} WHERE {CHOSEN_DATABASES} GROUP BY 1, 2, 3) d
GROUP BY 1, 2 ORDER BY 1, 2"""),
        series("Connections by Collector", "Sessions of all databases.", "short", f"""
SELECT time, metric, sum(value) AS value FROM (
  SELECT {BUCKET} AS time, collector_id::text AS metric, database_name, avg(numbackends) AS value
  FROM {DATABASE_TABLE} WHERE {CHOSEN_DATABASES} GROUP BY 1, 2, 3) d
GROUP BY 1, 2 ORDER BY 1, 2"""),
        series("Hit Ratio", "Share of blocks that were in the buffer, by collector.", "percentunit", f"""
SELECT {BUCKET} AS time, collector_id::text AS metric,
  sum(blks_hit_delta)::float8 / nullif(sum(blks_hit_delta + blks_read_delta), 0) AS value
FROM {DATABASE_TABLE} WHERE {CHOSEN_DATABASES} GROUP BY 1, 2 ORDER BY 1, 2"""),
        series("Lag", "The longest lag of replay on a standby, by the primary's collector.", "s", f"""
WITH {SENDERS}
SELECT {BUCKET} AS time, collector_id::text AS metric, max(replay_lag) AS value
FROM senders GROUP BY 1, 2 ORDER BY 1, 2"""),
    ],
    since="now-3h",
)

DASHBOARDS = [FLEET]

"""Replication: dashboards 5 and 6.

Stock collectors send `pg_replication`, which has tables of its own; ours sends `pg_sender`, `pg_slot` and `pg_database`,
which are stored as they are sent. Each fragment below joins both.
"""

from .model import dashboard, pie, series, stat, table, variable
from .parts import BUCKET, CHOSEN, CHOSEN_DATABASES, among, collectors, databases, rows
from .queries import RAW, rate

# Lag is unknown while nothing is written; a standby that has replayed everything has none.
SENDERS = f"""senders AS (
  SELECT time, collector_id, coalesce(nullif(application_name, ''), client_addr, 'unknown') AS standby, state,
    sync_state, write_lag_ms / 1000.0 AS write_lag, flush_lag_ms / 1000.0 AS flush_lag,
    replay_lag_ms / 1000.0 AS replay_lag, behind_by_mb * 1048576.0 AS behind
  FROM metrics.metrics_replication WHERE {CHOSEN}
  UNION ALL
  SELECT time, collector_id, coalesce(nullif(application, ''), address, 'unknown'), state, sync_state,
    write_lag_seconds, flush_lag_seconds,
    CASE WHEN replay_distance_bytes = 0 THEN 0 ELSE replay_lag_seconds END, replay_distance_bytes
  FROM {rows('pg_sender', '''application text, address text, state text, sync_state text, write_lag_seconds float8,
      flush_lag_seconds float8, replay_lag_seconds float8, replay_distance_bytes float8''')} s)"""
SLOTS = f"""slots AS (
  SELECT time, collector_id, slot_name, slot_type, active,
    coalesce(bytes_retained, wal_retained_mb * 1048576) AS retained
  FROM metrics.metrics_replication_slots WHERE {CHOSEN}
  UNION ALL
  SELECT time, collector_id, slot_name, slot_type, active, retained_bytes
  FROM {rows('pg_slot', 'slot_name text, slot_type text, active boolean, retained_bytes bigint')} s)"""
# Of the 2^31 transactions that may be younger than the oldest row, how many are left.
XIDS = f"""xids AS (
  SELECT time, collector_id, database_name, xid_until_wraparound AS xids_left,
    percent_until_wraparound / 100 AS share_left
  FROM metrics.metrics_wraparound_risk WHERE {CHOSEN}
  UNION ALL
  SELECT time, collector_id, datname, 2147483648 - xid_age, 1 - xid_age / 2147483648.0
  FROM {rows('pg_database', 'datname text, xid_age bigint')} s WHERE xid_age IS NOT NULL)"""
OF_STANDBYS = among("standby", "standby")
OF_SLOTS = among("slot_name", "slot")
OF_DATABASES = among("database_name", "database")

STANDBYS = variable("standby", "Standby", f"WITH {SENDERS}\nSELECT DISTINCT standby FROM senders ORDER BY 1")
SLOT_NAMES = variable("slot", "Slot", f"WITH {SLOTS}\nSELECT DISTINCT slot_name FROM slots ORDER BY 1")
XID_DATABASES = variable("database", "Database",
                         f"WITH {XIDS}\nSELECT DISTINCT database_name FROM xids ORDER BY 1")


def newest(name, key):
    """The newest row of each `key` in the fragment `name`."""
    return f"SELECT DISTINCT ON ({key}) * FROM {name} ORDER BY {key}, time DESC"


WAL_SIZE = series(
    "WAL Size", "Size of the directory pg_wal; stock collectors send it.", "bytes", f"""
SELECT {BUCKET} AS time, collector_id::text AS metric, avg(current_wal_size_mb) * 1048576 AS value
FROM metrics.metrics_wal_status WHERE {CHOSEN} GROUP BY 1, 2 ORDER BY 1, 2""")
XID_RISK = series(
    "XID Risk", "Share of transaction ids left before wraparound, the least in each interval.", "percentunit", f"""
WITH {XIDS}
SELECT {BUCKET} AS time, database_name AS metric, min(share_left) AS value
FROM xids WHERE {OF_DATABASES} GROUP BY 1, 2 ORDER BY 1, 2""")

HEALTH = dashboard(
    "replication-health-monitor",
    "PostgreSQL Replication Health Monitor",
    "Standbys, slots and transaction ids, of stock collectors and of ours.",
    [collectors(), XID_DATABASES, STANDBYS],
    [
        stat("Max Replay Lag", "The longest lag of replay on any standby in the range.", "s", f"""
WITH {SENDERS}
SELECT max(replay_lag) AS value FROM senders WHERE {OF_STANDBYS}"""),
        stat("Min XID %", "The least share of transaction ids left before wraparound.", "percentunit", f"""
WITH {XIDS}
SELECT min(share_left) AS value FROM ({newest('xids', 'collector_id, database_name')}) n WHERE {OF_DATABASES}"""),
        stat("Connected Replicas", "Standbys that stream now: seen in the last two minutes.", "short", f"""
WITH {SENDERS}
SELECT count(DISTINCT (collector_id, standby)) AS value FROM senders
WHERE {OF_STANDBYS} AND state = 'streaming' AND time > $__timeTo()::timestamptz - interval '2 minutes'"""),
        stat("Slots", "Replication slots, used or not.", "short", f"""
WITH {SLOTS}
SELECT count(DISTINCT (collector_id, slot_name)) AS value FROM slots"""),
        series("Lag Over Time", "Lag of replay on each standby, the longest in each interval.", "s", f"""
WITH {SENDERS}
SELECT {BUCKET} AS time, standby AS metric, max(replay_lag) AS value
FROM senders WHERE {OF_STANDBYS} GROUP BY 1, 2 ORDER BY 1, 2"""),
        WAL_SIZE,
        XID_RISK,
        pie("Sync State", "Standbys by how the primary waits for them, as last seen.", "short", f"""
WITH {SENDERS}
SELECT sync_state AS metric, count(*) AS value FROM ({newest('senders', 'collector_id, standby')}) n
WHERE {OF_STANDBYS} GROUP BY 1 ORDER BY 2 DESC"""),
        table("Standbys", "Each standby as last seen.", f"""
WITH {SENDERS}
SELECT standby AS "Standby", collector_id::text AS "Collector", time AS "Seen", state AS "State",
  sync_state AS "Sync", write_lag AS "Write lag", flush_lag AS "Flush lag", replay_lag AS "Replay lag",
  behind AS "Behind"
FROM ({newest('senders', 'collector_id, standby')}) n WHERE {OF_STANDBYS} ORDER BY replay_lag DESC NULLS LAST""",
              {"Seen": "dateTimeAsIso", "Write lag": "s", "Flush lag": "s", "Replay lag": "s", "Behind": "bytes"}),
        table("Replication Slots", "Each slot as last seen; one that is not active keeps the log for ever.", f"""
WITH {SLOTS}
SELECT slot_name AS "Slot", collector_id::text AS "Collector", slot_type AS "Type", active AS "Active",
  retained AS "Retained", time AS "Seen"
FROM ({newest('slots', 'collector_id, slot_name')}) n ORDER BY retained DESC NULLS LAST""",
              {"Retained": "bytes", "Seen": "dateTimeAsIso"}, (12, 9)),
        table("Transaction Ids", "Each database as last seen, the one with the fewest left first.", f"""
WITH {XIDS}
SELECT database_name AS "Database", collector_id::text AS "Collector", xids_left AS "Left", share_left AS "Share left"
FROM ({newest('xids', 'collector_id, database_name')}) n WHERE {OF_DATABASES} ORDER BY share_left""",
              {"Share left": "percentunit"}, (12, 9)),
    ],
    since="now-6h",
)

ANALYTICS = dashboard(
    "replication-advanced-analytics",
    "PostgreSQL Replication Advanced Analytics",
    "How lag, write-ahead log, slots and transaction ids develop.",
    [collectors(), databases(RAW), SLOT_NAMES],
    [
        series("Lag Analysis", "Lag of replay on each standby: mean and longest in each interval.", "s", f"""
WITH {SENDERS}
SELECT {BUCKET} AS time, standby || ' ' || kind AS metric, CASE kind WHEN 'mean' THEN avg(replay_lag)
  ELSE max(replay_lag) END AS value
FROM senders CROSS JOIN (VALUES ('mean'), ('longest')) k (kind) GROUP BY 1, standby, kind ORDER BY 1, 2"""),
        series("WAL Growth", "Write-ahead log that statements wrote, by database.", "Bps",
               rate("wal_bytes_delta", "database_name", f"{CHOSEN_DATABASES} AND wal_bytes_delta IS NOT NULL")),
        series("WAL Segments", "Segments in pg_wal, and those since the last checkpoint; stock collectors send it.",
               "short", f"""
SELECT {BUCKET} AS time, kind AS metric, avg(CASE kind WHEN 'in pg_wal' THEN total_segments
  ELSE segments_since_checkpoint END) AS value
FROM metrics.metrics_wal_status CROSS JOIN (VALUES ('in pg_wal'), ('since checkpoint')) k (kind)
WHERE {CHOSEN} GROUP BY 1, 2 ORDER BY 1, 2"""),
        pie("Slot Types", "Slots by type and use, as last seen.", "short", f"""
WITH {SLOTS}
SELECT slot_type || CASE WHEN active THEN ', active' ELSE ', not active' END AS metric, count(*) AS value
FROM ({newest('slots', 'collector_id, slot_name')}) n WHERE {OF_SLOTS} GROUP BY 1 ORDER BY 2 DESC"""),
        series("Log Retained by Slots", "Write-ahead log that each slot keeps from being removed.", "bytes", f"""
WITH {SLOTS}
SELECT {BUCKET} AS time, slot_name AS metric, max(retained) AS value
FROM slots WHERE {OF_SLOTS} GROUP BY 1, 2 ORDER BY 1, 2"""),
        series("XID Trend", "Transaction ids left before wraparound, the fewest of each server.", "short", f"""
WITH {XIDS}
SELECT {BUCKET} AS time, collector_id::text AS metric, min(xids_left) AS value
FROM xids GROUP BY 1, 2 ORDER BY 1, 2"""),
        table("Lag Statistics", "Lag of replay of each standby in the range.", f"""
WITH {SENDERS}
SELECT standby AS "Standby", count(*) AS "Samples", avg(replay_lag) AS "Mean",
  percentile_cont(0.95) WITHIN GROUP (ORDER BY replay_lag) AS "95 %", max(replay_lag) AS "Longest",
  max(behind) AS "Most behind"
FROM senders GROUP BY 1 ORDER BY 5 DESC NULLS LAST""",
              {"Mean": "s", "95 %": "s", "Longest": "s", "Most behind": "bytes"}, (12, 9)),
        table("WAL History", "The directory pg_wal hour by hour; stock collectors send it.", f"""
SELECT time_bucket('1 hour', time) AS "Hour", collector_id::text AS "Collector",
  avg(current_wal_size_mb) * 1048576 AS "Size", max(total_segments) AS "Segments",
  avg(growth_rate_mb_per_hour) * 1048576 AS "Growth an hour"
FROM metrics.metrics_wal_status WHERE {CHOSEN} GROUP BY 1, 2 ORDER BY 1 DESC, 2 LIMIT 200""",
              {"Hour": "dateTimeAsIso", "Size": "bytes", "Growth an hour": "bytes"}, (12, 9)),
    ],
)

DASHBOARDS = [HEALTH, ANALYTICS]

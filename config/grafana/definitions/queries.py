"""Statements: dashboards 1 to 4 and 8, from `metrics_pg_stats_query` and its hourly roll-up.

Counters are never read: `*_delta` is what happened since the sample before.
"""

from .model import choice, dashboard, pie, series, stat, table, variable
from .parts import BUCKET, CHOSEN, CHOSEN_DATABASES, COLLECTOR, DATABASE, HOSTS, among, collectors, databases

RAW = "public.metrics_pg_stats_query"
HOURLY = "public.metrics_pg_stats_query_1h"
# Of the range that the variable `time_range` names, up to the end of what is shown.
LATEST = (
    "time > $__timeTo()::timestamptz - interval '$time_range' AND time <= $__timeTo()::timestamptz"
    f" AND {COLLECTOR} AND {DATABASE}"
)
HIT_RATIO = "sum(shared_blks_hit_delta) / nullif(sum(shared_blks_hit_delta + shared_blks_read_delta), 0)"
# The server's own least and greatest are of all time since its statistics began.
LEAST, GREATEST = (f"{pick}(total_time_delta / nullif(calls_delta, 0))" for pick in ("min", "max"))
# Of the differences that tell sums of squares: the mean of squares less the square of the mean.
TOLD = "FILTER (WHERE squares_delta IS NOT NULL)"
DEVIATION = (
    f"sqrt(greatest(sum(squares_delta) / nullif(sum(calls_delta) {TOLD}, 0)"
    f" - (sum(total_time_delta) {TOLD} / nullif(sum(calls_delta) {TOLD}, 0)) ^ 2, 0))"
)
MEAN = "sum(total_time_delta) / nullif(sum(calls_delta), 0)"


def rate(value, label, where=CHOSEN_DATABASES, join=""):
    """`value` a second: of each sample, averaged over its samples in a bucket, and added up by `label`."""
    return f"""
SELECT time, metric, sum(value) AS value FROM (
  SELECT {BUCKET} AS time, metric, collector_id, database_name, avg(value) AS value FROM (
    SELECT time, {label} AS metric, collector_id, database_name, sum({value} / nullif(interval_seconds, 0)) AS value
    FROM {RAW} {join}
    WHERE {where} AND calls_delta IS NOT NULL
    GROUP BY 1, 2, 3, 4) samples
  GROUP BY 1, 2, 3, 4) buckets
GROUP BY 1, 2 ORDER BY 1, 2"""


def trend(value, label, source=RAW, where=CHOSEN_DATABASES, time=BUCKET):
    """`value` over the rows of each bucket, by `label`."""
    return f"""
SELECT {time} AS time, {label} AS metric, {value} AS value
FROM {source} WHERE {where} GROUP BY 1, 2 ORDER BY 1, 2"""


def hourly(value, name):
    return trend(value, f"'{name}'", HOURLY, time="time")


def top(columns, order, limit, where=CHOSEN_DATABASES):
    """The first statements by `order`."""
    return f"""
SELECT last(query_text, time) AS "Statement", database_name AS "Database", user_name AS "User", {columns}
FROM {RAW} WHERE {where} AND calls_delta IS NOT NULL
GROUP BY database_name, user_name, query_hash HAVING sum(calls_delta) > 0
ORDER BY {order} DESC NULLS LAST LIMIT {limit}"""


PERFORMANCE = dashboard(
    "pg-query-performance",
    "PostgreSQL Query Performance Monitoring",
    "Statements of pg_stat_statements. Trends follow the time picker; tables and figures the variable Range.",
    [collectors(), databases(RAW), choice("time_range", "Range", ["1h", "6h", "24h", "7d", "30d"], "24h")],
    [
        pie("Top 10 Queries by Total Execution Time", "Execution time in the range, by statement.", "ms", f"""
SELECT left(last(query_text, time), 60) AS metric, sum(total_time) AS value
FROM {HOURLY} WHERE {LATEST} AND total_time > 0 GROUP BY query_hash ORDER BY 2 DESC LIMIT 10"""),
        series("Average Query Execution Time Trend (24h)", "Mean time of one call; a point an hour.", "ms",
               hourly("sum(total_time) / nullif(sum(calls), 0)", "mean time")),
        table("Top 20 Slowest Queries (Last 24 Hours)",
              "Statements by the greatest mean time of one interval between samples; all of the range.",
              top(f"""sum(calls_delta)::bigint AS "Calls", {GREATEST} AS "Max", {MEAN} AS "Mean",
  {LEAST} AS "Min", {DEVIATION} AS "Deviation\"""", GREATEST, 20, LATEST),
              {"Max": "ms", "Mean": "ms", "Min": "ms", "Deviation": "ms"}),
        series("Query Execution Frequency Trend (24h)", "Calls in each hour.", "short", hourly("sum(calls)", "calls")),
        series("Buffer Cache Hit Ratio Trend", "Share of shared blocks that were in the buffer; a point an hour.",
               "percentunit",
               hourly("sum(shared_blks_hit) / nullif(sum(shared_blks_hit + shared_blks_read), 0)", "hit ratio")),
        table("Top 20 Most Frequent Queries (Last 24 Hours)", "Statements by calls in the range.",
              top(f"""sum(calls_delta)::bigint AS "Calls", sum(rows_delta)::bigint AS "Rows",
  {HIT_RATIO} AS "Hit ratio", sum(blk_read_time_delta) AS "Read time\"""", "sum(calls_delta)", 20, LATEST),
              {"Hit ratio": "percentunit", "Read time": "ms"}),
        series("I/O Read Time Trend (24h)", "Time reading blocks in each hour; 0 unless track_io_timing is on.", "ms",
               hourly("sum(blk_read_time)", "read time")),
        series("I/O Write Time Trend (24h)", "Time writing blocks in each hour; 0 unless track_io_timing is on.", "ms",
               hourly("sum(blk_write_time)", "write time")),
        stat("Total Query Count", "Calls in the range.", "short",
             f"SELECT sum(calls_delta)::bigint AS value FROM {RAW} WHERE {LATEST}"),
        stat("Peak Query Execution Time", "The greatest mean time of a statement in one interval of the range.", "ms",
             f"SELECT {GREATEST} AS value FROM {RAW} WHERE {LATEST}"),
        stat("Overall Cache Hit Ratio", "Share of shared blocks that were in the buffer, in the range.", "percentunit",
             f"SELECT {HIT_RATIO} AS value FROM {RAW} WHERE {LATEST}"),
        stat("Unique Queries Count", "Statements that were called in the range.", "short",
             f"SELECT count(DISTINCT query_hash) AS value FROM {RAW} WHERE {LATEST} AND calls_delta > 0"),
    ],
)

MONITOR = dashboard(
    "query-stats-performance",
    "PostgreSQL Query Performance Monitor",
    "Where execution time goes, by database.",
    [collectors(), databases(RAW)],
    [
        series("Execution Time Trend", "Execution time a second, by database: 1 s is one session always busy.", "ms",
               rate("total_time_delta", "database_name")),
        series("Cache Hit Ratio by Database", "Share of shared blocks that were in the buffer.", "percentunit",
               trend(HIT_RATIO, "database_name")),
        table("Top Queries by Mean Time", "Statements by the mean time of a call in the range.",
              top(f"""{MEAN} AS "Mean", sum(calls_delta)::bigint AS "Calls", sum(total_time_delta) AS "Total\"""",
                  "4", 20),
              {"Mean": "ms", "Total": "ms"}),
        table("Top 10 Most Called", "Statements by calls in the range.",
              top(f"""sum(calls_delta)::bigint AS "Calls", {MEAN} AS "Mean\"""", "4", 10), {"Mean": "ms"}, (12, 8)),
        series("Block I/O Trend", "Shared blocks read a second, by database.", "ops",
               rate("shared_blks_read_delta", "database_name")),
        stat("Unique Queries", "Statements that were called in the range.", "short",
             f"SELECT count(DISTINCT query_hash) AS value FROM {RAW} WHERE {CHOSEN_DATABASES} AND calls_delta > 0",
             (12, 4)),
        stat("Average Time", "Mean time of a call in the range.", "ms",
             f"SELECT {MEAN} AS value FROM {RAW} WHERE {CHOSEN_DATABASES}", (12, 4)),
    ],
)

COLLECTORS = dashboard(
    "multi-collector-monitor",
    "Multi-Collector PostgreSQL Monitor",
    "The same figures of each collector, side by side.",
    [collectors(), databases(RAW)],
    [
        series("Time by Collector", "Execution time a second: 1 s is one session always busy.", "ms",
               rate("total_time_delta", "collector_id::text")),
        series("Query Volume by Collector", "Calls a second.", "ops", rate("calls_delta", "collector_id::text")),
        table("Collectors Summary", "What each collector sent of statements in the range.", f"""
WITH {HOSTS}
SELECT h.host AS "Host", q.collector_id::text AS "Collector", max(q.time) AS "Last sample",
  count(DISTINCT q.database_name) AS "Databases", count(DISTINCT q.query_hash) AS "Statements",
  sum(q.calls_delta)::bigint AS "Calls", sum(q.total_time_delta) AS "Time"
FROM {RAW} q JOIN hosts h USING (collector_id)
WHERE $__timeFilter(q.time) AND q.{COLLECTOR} AND q.{DATABASE}
GROUP BY 1, 2 ORDER BY 7 DESC NULLS LAST""", {"Time": "ms", "Last sample": "dateTimeAsIso"}),
        series("Cache Ratio by Collector", "Share of shared blocks that were in the buffer.", "percentunit",
               trend(HIT_RATIO, "collector_id::text")),
        series("I/O by Collector", "Shared blocks read a second.", "ops",
               rate("shared_blks_read_delta", "collector_id::text")),
        table("Collector Comparison", "Each collector's figures next to the mean of all chosen ones.", f"""
WITH {HOSTS}, each AS (
  SELECT collector_id, {MEAN} AS mean, {HIT_RATIO} AS hits, sum(total_time_delta) AS total
  FROM {RAW} WHERE {CHOSEN_DATABASES} GROUP BY 1)
SELECT h.host AS "Host", e.collector_id::text AS "Collector", mean AS "Mean time", hits AS "Hit ratio",
  total / nullif(sum(total) OVER (), 0) AS "Share of time", mean / nullif(avg(mean) OVER (), 0) AS "Mean against all"
FROM each e JOIN hosts h USING (collector_id) ORDER BY total DESC NULLS LAST""",
              {"Mean time": "ms", "Hit ratio": "percentunit", "Share of time": "percentunit",
               "Mean against all": "percentunit"}),
    ],
)

HOSTNAMES = variable("hostname", "Host", f"WITH {HOSTS}\nSELECT DISTINCT host FROM hosts ORDER BY 1")
JOIN_HOSTS = "JOIN hosts h USING (collector_id)"
CHOSEN_HOSTS = f"{CHOSEN_DATABASES} AND {among('host', 'hostname')}"

BY_HOSTNAME = dashboard(
    "pg-query-by-hostname",
    "PostgreSQL Query Performance by Hostname",
    "Statements by the host that a collector names; one that sends no host's name stands under its id.",
    [collectors(), databases(RAW), HOSTNAMES],
    [
        series("Time Trend by Host", "Execution time a second: 1 s is one session always busy.", "ms",
               f"WITH {HOSTS}" + rate("total_time_delta", "host", CHOSEN_HOSTS, JOIN_HOSTS), (24, 8)),
        table("Host Summary", "Statements of each host in the range.", f"""
WITH {HOSTS}
SELECT host AS "Host", sum(calls_delta)::bigint AS "Calls", sum(total_time_delta) AS "Time", {MEAN} AS "Mean time",
  {HIT_RATIO} AS "Hit ratio", count(DISTINCT query_hash) AS "Statements"
FROM {RAW} {JOIN_HOSTS} WHERE {CHOSEN_HOSTS} GROUP BY 1 ORDER BY 3 DESC NULLS LAST""",
              {"Time": "ms", "Mean time": "ms", "Hit ratio": "percentunit"}),
        series("Cache Ratio by Host", "Share of shared blocks that were in the buffer.", "percentunit",
               f"WITH {HOSTS}" + trend(HIT_RATIO, "host", f"{RAW} {JOIN_HOSTS}", CHOSEN_HOSTS)),
        series("Block I/O by Host", "Shared blocks read a second.", "ops",
               f"WITH {HOSTS}" + rate("shared_blks_read_delta", "host", CHOSEN_HOSTS, JOIN_HOSTS)),
    ],
)

USER = "coalesce(nullif(user_name, ''), 'unknown')"
USERS = variable("user", "User", f"SELECT DISTINCT {USER} FROM {RAW} WHERE {CHOSEN_DATABASES} ORDER BY 1")
CHOSEN_USERS = f"{CHOSEN_DATABASES} AND {among(USER, 'user')}"

BREAKDOWN = dashboard(
    "system-metrics-breakdown",
    "System Metrics Breakdown",
    "What statements use besides shared buffers, by user. Stock collectors do not send the user.",
    [collectors(), databases(RAW), USERS],
    [
        series("Local Buffers by User", "Blocks of temporary tables touched a second.", "ops",
               rate("(local_blks_hit_delta + local_blks_read_delta)", USER, CHOSEN_USERS)),
        series("Temporary Storage", "Blocks of temporary files written and read a second, by user.", "ops",
               rate("(temp_blks_read_delta + temp_blks_written_delta)", USER, CHOSEN_USERS)),
        series("WAL Activity", "Write-ahead log that statements wrote, by user.", "Bps",
               rate("wal_bytes_delta", USER, f"{CHOSEN_USERS} AND wal_bytes_delta IS NOT NULL")),
        table("Statements by Use", "Statements that used temporary storage, local buffers or the write-ahead log.",
              top("""sum(temp_blks_written_delta)::bigint AS "Temporary blocks",
  sum(local_blks_hit_delta + local_blks_read_delta)::bigint AS "Local blocks", sum(wal_bytes_delta)::bigint AS "WAL\"""",
                  'sum(coalesce(wal_bytes_delta, 0) + 8192 * temp_blks_written_delta)', 20, CHOSEN_USERS),
              {"WAL": "bytes"}),
    ],
)

DASHBOARDS = [PERFORMANCE, MONITOR, COLLECTORS, BY_HOSTNAME, BREAKDOWN]

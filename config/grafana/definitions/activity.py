"""Sessions, locks and logs: dashboards 13 and 14."""

from .model import dashboard, series, stat, table, variable
from .parts import BUCKET, CHOSEN, CHOSEN_DATABASES, among, collectors, databases, rows

# Sessions of clients: summed over a sample, `pg_connections` of stock collectors and `pg_activity_sample` of ours.
SAMPLE = rows("pg_activity_sample", """backend_type text, state text, wait_event_type text, wait_event text,
      database text, sessions bigint, oldest_transaction_seconds float8, oldest_query_seconds float8""")
WAIT = "coalesce(wait_event_type, CASE WHEN state = 'active' THEN 'CPU' ELSE 'none' END)"
STATES = f"""states AS (
  SELECT time, collector_id, database_name, coalesce(state, 'unknown') AS state, count AS sessions, max_age_seconds AS age
  FROM metrics.metrics_pg_connections_summary WHERE {CHOSEN_DATABASES}
  UNION ALL
  SELECT time, collector_id, database, coalesce(state, 'unknown'), sessions, longest_in_state_seconds
  FROM {rows('pg_connection', 'database text, state text, sessions bigint, longest_in_state_seconds float8')} s
  WHERE {among('database', 'database')})"""
WAITS = f"""waits AS (
  SELECT time, collector_id, {WAIT} AS wait_type, coalesce(wait_event, 'none') AS wait_event, sessions,
    oldest_transaction_seconds, oldest_query_seconds, database, state
  FROM {SAMPLE} s WHERE {among('database', 'database')} AND backend_type = 'client backend')"""
BLOCKED = f"""blocked AS (
  SELECT time, collector_id, database_name AS database, blocked_pid, blocked_user, blocked_query, blocking_pid,
    blocking_user, blocking_query, wait_time_seconds AS waited
  FROM metrics.metrics_pg_lock_waits WHERE {CHOSEN_DATABASES}
  UNION ALL
  SELECT time, collector_id, database, blocked_pid, blocked_user, blocked_query, blocking_pid, blocking_user,
    blocking_query, wait_seconds
  FROM {rows('pg_blocking', '''database text, blocked_pid int, blocked_user text, blocked_query text, blocking_pid int,
      blocking_user text, blocking_query text, wait_seconds float8''')} s
  WHERE {among('database', 'database')})"""
LONGEST = f"""longest AS (
  SELECT time, collector_id, database_name AS database, username AS person, state, duration_seconds AS seconds, query
  FROM metrics.metrics_pg_long_running_transactions WHERE {CHOSEN_DATABASES}
  UNION ALL
  SELECT time, collector_id, database, "user", state, age_seconds, query
  FROM {rows('pg_long_transaction', 'database text, "user" text, state text, age_seconds float8, query text')} s
  WHERE {among('database', 'database')})"""
OF_WAITS = among("wait_type", "wait_type")
WAIT_TYPES = variable("wait_type", "Wait", f"WITH {WAITS}\nSELECT DISTINCT wait_type FROM waits ORDER BY 1")


def sessions(fragment, name, label, where="true"):
    """Sessions by `label`: those of each sample added up, and samples averaged in a bucket."""
    return f"""
WITH {fragment}
SELECT time, metric, sum(value) AS value FROM (
  SELECT {BUCKET} AS time, metric, collector_id, avg(value) AS value FROM (
    SELECT time, {label} AS metric, collector_id, sum(sessions) AS value
    FROM {name} WHERE {where} GROUP BY 1, 2, 3) samples
  GROUP BY 1, 2, 3) buckets
GROUP BY 1, 2 ORDER BY 1, 2"""


CONNECTIONS = dashboard(
    "connections-locks",
    "Connections and Locks",
    "What sessions do, what they wait for, and who blocks whom.",
    [collectors(), databases("metrics.metrics_pg_stats_database"), WAIT_TYPES],
    [
        series("Sessions by State", "Sessions of clients, by state.", "short", sessions(STATES, "states", "state"),
               stacked=True),
        series("Waits", "Active sessions by what they wait for; CPU is waiting for nothing. Our collector sends it.",
               "short", sessions(WAITS, "waits", "wait_type", f"state = 'active' AND {OF_WAITS}"), stacked=True),
        table("Wait Events", "Mean of active sessions that waited for each event, over the samples of each server.",
              f"""
WITH {WAITS}
SELECT wait_type AS "Wait", wait_event AS "Event", sum(sessions)::float8 / (SELECT count(DISTINCT (collector_id, time))
  FROM waits) AS "Sessions"
FROM waits WHERE state = 'active' AND {OF_WAITS} GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20""", {}, (12, 9)),
        series("Longest Transaction", "The oldest open transaction of each server. Our collector sends it.", "s", f"""
WITH {WAITS}
SELECT {BUCKET} AS time, collector_id::text AS metric, max(oldest_transaction_seconds) AS value
FROM waits WHERE oldest_transaction_seconds IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2""", (12, 9)),
        stat("Blocked Sessions", "Sessions that waited for a lock of another in the range.", "short", f"""
WITH {BLOCKED}
SELECT count(DISTINCT (collector_id, blocked_pid)) AS value FROM blocked"""),
        table("Blocked", "Who waited for whom in the range, the longest wait first.", f"""
WITH {BLOCKED}
SELECT max(time) AS "Seen", database AS "Database", blocked_pid AS "Blocked", blocked_user AS "User",
  left(max(blocked_query), 200) AS "Statement", blocking_pid AS "Blocked by", blocking_user AS "Its user",
  left(max(blocking_query), 200) AS "Its statement", max(waited) AS "Waited"
FROM blocked GROUP BY collector_id, database, blocked_pid, blocked_user, blocking_pid, blocking_user
ORDER BY 9 DESC NULLS LAST LIMIT 50""", {"Seen": "dateTimeAsIso", "Waited": "s"}),
        table("Longest Transactions", "Transactions over a minute in the range.", f"""
WITH {LONGEST}
SELECT max(time) AS "Seen", database AS "Database", person AS "User", state AS "State", max(seconds) AS "Age",
  left(query, 200) AS "Statement"
FROM longest GROUP BY collector_id, database, person, state, query ORDER BY 5 DESC NULLS LAST LIMIT 50""",
              {"Seen": "dateTimeAsIso", "Age": "s"}),
    ],
    since="now-3h",
)

LOG = "metrics.metrics_pg_log"
# The first two characters of an SQLSTATE, which few collectors send.
CLASS = "coalesce(left(nullif(sqlstate, ''), 2), 'none')"
LINES = f"{CHOSEN_DATABASES} AND {among('severity', 'level')} AND {among(CLASS, 'class')}"
# Of log_min_duration_statement, where the collector does not send the duration by itself.
DURATION = "coalesce(duration_ms, substring(message FROM 'duration: ([0-9.]+) ms')::float8)"

LEVELS = variable("level", "Level", f"SELECT DISTINCT severity FROM {LOG} WHERE {CHOSEN} ORDER BY 1")
CLASSES = variable("class", "Class", f"SELECT DISTINCT {CLASS} FROM {LOG} WHERE {CHOSEN} ORDER BY 1")

LOGS = dashboard(
    "logs",
    "Logs",
    "Lines of server logs, as collectors send them in `pg_log`.",
    [collectors(), databases(LOG), LEVELS, CLASSES],
    [
        series("Lines by Level", "Lines in each interval, by level.", "short", f"""
SELECT {BUCKET} AS time, severity AS metric, count(*) AS value
FROM {LOG} WHERE {LINES} GROUP BY 1, 2 ORDER BY 1, 2""", stacked=True),
        series("Lines by Class", "Lines in each interval, by class: the first two characters of the SQLSTATE.", "short",
               f"""
SELECT {BUCKET} AS time, {CLASS} AS metric, count(*) AS value
FROM {LOG} WHERE {LINES} GROUP BY 1, 2 ORDER BY 1, 2""", stacked=True),
        table("Errors", "The newest lines of level ERROR and above.", f"""
SELECT time AS "Time", database_name AS "Database", user_name AS "User", severity AS "Level", sqlstate AS "SQLSTATE",
  message AS "Message", query AS "Statement"
FROM {LOG} WHERE {LINES} AND severity IN ('ERROR', 'FATAL', 'PANIC') ORDER BY time DESC LIMIT 100""",
              {"Time": "dateTimeAsIso"}),
        table("Slow Statements", "Lines of log_min_duration_statement, the slowest first.", f"""
SELECT time AS "Time", database_name AS "Database", user_name AS "User", {DURATION} AS "Duration", message AS "Message"
FROM {LOG} WHERE {LINES} AND {DURATION} IS NOT NULL ORDER BY 4 DESC LIMIT 50""",
              {"Time": "dateTimeAsIso", "Duration": "ms"}),
    ],
)

DASHBOARDS = [CONNECTIONS, LOGS]

"""What the nodes found out: dashboard 9.

The leader keeps each run of an analysis as an element of a collector of the cluster's own. What people decided about a
finding (dismissed, resolved, implemented) is in the nodes' state, not in the database.
"""

from .model import dashboard, pie, series, table, variable
from .parts import FINDINGS, among, collectors

# Of a run: whose data it is about.
OF_SERVER = among("e.body::json->>'collector_id'", "collector")
# A run about a whole server, as an anomaly of a wait, has no database.
OF_DATABASE = f"(database_name = '' OR {among('database_name', 'database')})"


def found(kind, columns):
    """The findings of all runs of `kind` in the range, with the time of the run."""
    return f"""(SELECT e.time, e.body::json->>'collector_id' AS server, e.database_name, f.*
    FROM metrics.elements e CROSS JOIN LATERAL json_to_recordset(e.body::json->'findings') AS f({columns})
    WHERE $__timeFilter(e.time) AND e.collector_id = '{FINDINGS}' AND e.kind = '{kind}' AND {OF_SERVER})"""


def newest(kind, columns):
    """What the newest run in the range found for each server and database: what is gone since then is not in it."""
    return f"""(SELECT n.time, n.server, n.database_name, f.* FROM (
    SELECT DISTINCT ON (server, database_name) * FROM (
      SELECT e.time, e.body, e.body::json->>'collector_id' AS server, e.database_name FROM metrics.elements e
      WHERE $__timeFilter(e.time) AND e.collector_id = '{FINDINGS}' AND e.kind = '{kind}' AND {OF_SERVER}) r
    ORDER BY server, database_name, time DESC) n
    CROSS JOIN LATERAL json_to_recordset(n.body::json->'findings') AS f({columns}))"""


# Every run repeats what is open: of each anomaly the newest record counts. Minutes are those since 1970.
TOLD = f"""told AS (
  SELECT DISTINCT ON (id) server, subject, to_timestamp(started * 60) AS time, to_timestamp(ended * 60) AS ended,
    anomaly->>'severity' AS severity, replace(anomaly->>'metric_name', '_', ' ') AS metric,
    (anomaly->>'metric_value')::float8 AS value, (anomaly->>'baseline_value')::float8 AS usual,
    (anomaly->'raw_metrics'->>'factor')::float8 AS factor,
    CASE split_part(subject, ' ', 1) WHEN 'statement' THEN split_part(subject, ' ', 3)
      WHEN 'database' THEN split_part(subject, ' ', 2) ELSE '' END AS database_name
  FROM {found('analysis_anomalies', 'id bigint, subject text, started bigint, ended bigint, anomaly json')} f
  ORDER BY id, time DESC)"""
ANOMALIES = f"""{TOLD},
anomalies AS (SELECT * FROM told WHERE {OF_DATABASE})"""
# Those that something was found in.
DATABASES = variable("database", "Database", f"""
WITH {TOLD}
SELECT database_name FROM told WHERE database_name <> ''
UNION SELECT database FROM {found('analysis_plan_regressions', 'database text')} r
UNION SELECT database_name FROM metrics.elements WHERE $__timeFilter(time) AND collector_id = '{FINDINGS}'
  AND kind IN ('analysis_patterns', 'analysis_indexes') AND database_name <> ''
ORDER BY 1""")
OF_SEVERITY = among("severity", "severity")
SEVERITIES = variable("severity", "Severity", f"WITH {ANOMALIES}\nSELECT DISTINCT severity FROM anomalies ORDER BY 1")

FINDINGS_BOARD = dashboard(
    "advanced-features-analysis",
    "Advanced Features Analysis",
    "What the nodes found out about the watched servers; what somebody dismissed or resolved stands here still, see the nodes' page.",
    [collectors(), DATABASES, SEVERITIES],
    [
        pie("Anomalies by Severity", "Anomalies of the range by severity.", "short", f"""
WITH {ANOMALIES}
SELECT severity AS metric, count(*) AS value FROM anomalies WHERE {OF_SEVERITY} GROUP BY 1 ORDER BY 1"""),
        series("Anomalies that Began", "Anomalies by severity, in the interval in which they began.", "short", f"""
WITH {ANOMALIES}
SELECT $__timeGroup(time, '$__interval') AS time, severity AS metric, count(*) AS value
FROM anomalies WHERE {OF_SEVERITY} GROUP BY 1, 2 ORDER BY 1, 2""", stacked=True),
        table("Anomalies", "What was not usual, the newest first.", f"""
WITH {ANOMALIES}
SELECT time AS "Began", coalesce(to_char(ended, 'YYYY-MM-DD HH24:MI'), 'open') AS "Ended", severity AS "Severity",
  server AS "Collector", subject AS "Of", metric AS "Measure", value AS "Value", usual AS "Usually", factor AS "Factor"
FROM anomalies WHERE {OF_SEVERITY} ORDER BY time DESC LIMIT 200""", {"Began": "dateTimeAsIso"}),
        table("Plan Regressions", "Statements that are slower since their plan changed, what costs most first.", f"""
SELECT to_timestamp((flip->>'first_bad')::float8 / 1e6) AS "Since", server AS "Collector", database AS "Database",
  left(query_text, 200) AS "Statement", (slower->>'before_ms')::float8 AS "Before", (slower->>'after_ms')::float8 AS "Now",
  (slower->>'seconds_per_hour')::float8 AS "More an hour", why->'cause'->>'kind' AS "Cause"
FROM {newest('analysis_plan_regressions',
             'database text, query_text text, flip json, slower json, why json, ended_at bigint')} r
WHERE ended_at IS NULL AND {among('database', 'database')} ORDER BY 7 DESC LIMIT 100""",
              {"Since": "dateTimeAsIso", "Before": "ms", "Now": "ms", "More an hour": "s"}),
        table("Workload Patterns", "What comes back in the load, the surest first.", f"""
SELECT server AS "Collector", database_name AS "Database", replace(pattern_type, '_', ' ') AS "Pattern",
  description AS "What", (pattern_metadata->>'confidence')::float8 AS "Confidence", affected_query_count AS "Statements"
FROM {newest('analysis_patterns',
             'pattern_type text, description text, pattern_metadata json, affected_query_count bigint')} p
WHERE (pattern_metadata->>'confidence')::float8 >= 0.5 AND {OF_DATABASE} ORDER BY 5 DESC LIMIT 100""",
              {"Confidence": "percentunit"}),
        table("Index Recommendations", "Indexes to make or drop, as the newest run in the range found them.", f"""
SELECT server AS "Collector", database_name AS "Database", replace(i.kind, '_', ' ') AS "Kind",
  coalesce(schema_name || '.' || table_name, table_name) AS "Table", create_statement AS "Statement",
  saved_seconds_per_day AS "Saves a day", confidence_score AS "Confidence", size_bytes AS "Size"
FROM {newest('analysis_indexes', '''kind text, schema_name text, table_name text, create_statement text,
      saved_seconds_per_day float8, confidence_score float8, size_bytes float8''')} i
WHERE {OF_DATABASE} ORDER BY 6 DESC NULLS LAST LIMIT 100""",
              {"Saves a day": "s", "Confidence": "percentunit", "Size": "bytes"}),
    ],
    refresh="5m",
    since="now-7d",
)

DASHBOARDS = [FINDINGS_BOARD]

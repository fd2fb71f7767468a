"""Tables, indexes and databases: dashboards 7, 11 and 12.

From `pg_stats`, which every collector sends, and for sizes and ages from `pg_table_size` and `pg_freeze` of ours.
"""

from .model import dashboard, series, stat, table, variable
from .parts import BUCKET, CHOSEN_DATABASES, among, collectors, databases, rows
from .replication import XIDS

DATABASE_TABLE = "metrics.metrics_pg_stats_database"
TABLES = "metrics.metrics_pg_stats_table"
INDEXES = "metrics.metrics_pg_stats_index"
TABLE_KEY = "collector_id, database_name, schema_name, table_name"
OF_SCHEMAS = among("schema_name", "schema")
OF_TABLES = among("table_name", "table")

SCHEMAS = variable("schema", "Schema", f"""
SELECT DISTINCT schema_name FROM {TABLES} WHERE {CHOSEN_DATABASES} ORDER BY 1""")
TABLE_NAMES = variable("table", "Table", f"""
SELECT DISTINCT table_name FROM {TABLES} WHERE {CHOSEN_DATABASES} AND {OF_SCHEMAS} ORDER BY 1""")


def newest(source, key, where):
    """The newest row of each `key`."""
    return f"""(SELECT DISTINCT ON ({key}) * FROM {source}
  WHERE {where} ORDER BY {key}, time DESC) n"""


NEWEST_TABLES = newest(TABLES, TABLE_KEY, f"{CHOSEN_DATABASES} AND {OF_SCHEMAS}")
SCANS = rows("pg_table", "schemaname text, relname text, seq_scan bigint, seq_tup_read bigint, n_live_tup bigint",
             only_newest=True)
NAMED = """schema_name || '.' || table_name AS "Table", database_name AS "Database\""""

INFRASTRUCTURE = dashboard(
    "infrastructure-stats",
    "Infrastructure Statistics",
    "Tables, indexes and databases of the watched servers, from what collectors sent.",
    [collectors(), databases(DATABASE_TABLE), SCHEMAS],
    [
        table("Tables by Size", "The largest tables, indexes included, as last seen.", f"""
SELECT {NAMED}, total_size AS "Size", n_live_tup AS "Rows", n_dead_tup AS "Dead rows"
FROM {NEWEST_TABLES} ORDER BY total_size DESC NULLS LAST LIMIT 20""", {"Size": "bytes"}, (12, 9)),
        table("Indexes by Scans", "Indexes by scans since their statistics began.", f"""
SELECT schema_name || '.' || index_name AS "Index", table_name AS "Table", database_name AS "Database",
  idx_scan AS "Scans", pg_relation_size AS "Size"
FROM {newest(INDEXES, TABLE_KEY + ", index_name", f"{CHOSEN_DATABASES} AND {OF_SCHEMAS}")}
ORDER BY 4 DESC NULLS LAST LIMIT 20""", {"Size": "bytes"}, (12, 9)),
        table("High Sequential Scans",
              "Tables by rows read in sequential scans since their statistics began. Our collector sends it.", f"""
SELECT schemaname || '.' || relname AS "Table", database_name AS "Database", last(seq_scan, time) AS "Scans",
  last(seq_tup_read, time) AS "Rows read", last(n_live_tup, time) AS "Rows"
FROM {SCANS} s WHERE {among('database_name', 'database')} AND {among('schemaname', 'schema')}
GROUP BY collector_id, 1, 2 HAVING last(seq_scan, time) > 0 ORDER BY 4 DESC NULLS LAST LIMIT 20""", {}, (12, 9)),
        table("Database Statistics", "Each database in the range.", f"""
SELECT database_name AS "Database", last(database_size, time) AS "Size", last(numbackends, time) AS "Connections",
  sum(xact_commit_delta)::bigint AS "Commits", sum(xact_rollback_delta)::bigint AS "Rollbacks",
  sum(blks_hit_delta)::float8 / nullif(sum(blks_hit_delta + blks_read_delta), 0) AS "Hit ratio",
  sum(deadlocks_delta)::bigint AS "Deadlocks"
FROM {DATABASE_TABLE} WHERE {CHOSEN_DATABASES} GROUP BY collector_id, 1 ORDER BY 2 DESC NULLS LAST""",
              {"Size": "bytes", "Hit ratio": "percentunit"}, (12, 9)),
    ],
    refresh="1m",
)

# Sizes of tables: of `pg_stats`, and where that has none of `pg_table_size`, which has unchanged tables once an hour.
SIZES = f"""sizes AS (
  SELECT time, {TABLE_KEY}, total_size AS size FROM {TABLES}
  WHERE {CHOSEN_DATABASES} AND {OF_SCHEMAS} AND {OF_TABLES} AND total_size IS NOT NULL
  UNION ALL
  SELECT time, collector_id, database_name, schema, name, total_bytes
  FROM {rows('pg_table_size', 'schema text, name text, total_bytes bigint')} s
  WHERE {among('database_name', 'database')} AND {among('schema', 'schema')}
    AND {among('name', 'table')})"""
# Bytes a day between the first and the last time a table is seen; unknown if it is seen once.
GROWTH = """(last(size, time) - first(size, time)) * 86400
    / nullif(extract(epoch FROM max(time) - min(time)), 0)"""

GROWTH_BOARD = dashboard(
    "database-table-growth",
    "Database and Table Growth",
    "How large databases and tables are, and what grows.",
    [collectors(), databases(DATABASE_TABLE), SCHEMAS, TABLE_NAMES],
    [
        series("Size by Database", "Size of each database.", "bytes", f"""
SELECT {BUCKET} AS time, database_name AS metric, max(database_size) AS value
FROM {DATABASE_TABLE} WHERE {CHOSEN_DATABASES} GROUP BY 1, 2 ORDER BY 1, 2"""),
        table("Growth a Day", "Each database's growth between the ends of the range, as if it lasted a day.", f"""
SELECT database_name AS "Database", last(size, time) AS "Size", {GROWTH} AS "Growth a day"
FROM (SELECT *, database_size AS size FROM {DATABASE_TABLE} WHERE {CHOSEN_DATABASES}) d
GROUP BY collector_id, 1 ORDER BY 3 DESC NULLS LAST""", {"Size": "bytes", "Growth a day": "bytes"}, (12, 8)),
        table("Largest Tables", "Tables by size as last seen, indexes included.", f"""
WITH {SIZES}
SELECT {NAMED}, last(size, time) AS "Size", {GROWTH} AS "Growth a day"
FROM sizes GROUP BY {TABLE_KEY} ORDER BY 3 DESC NULLS LAST LIMIT 20""",
              {"Size": "bytes", "Growth a day": "bytes"}, (12, 9)),
        table("Fastest Growing Tables", "Tables by growth between the ends of the range, as if it lasted a day.", f"""
WITH {SIZES}
SELECT {NAMED}, last(size, time) AS "Size", {GROWTH} AS "Growth a day"
FROM sizes GROUP BY {TABLE_KEY} ORDER BY 4 DESC NULLS LAST LIMIT 20""",
              {"Size": "bytes", "Growth a day": "bytes"}, (12, 9)),
    ],
    refresh="5m",
    since="now-7d",
)

FREEZE = rows("pg_freeze", "schema text, name text, xid_age bigint, freeze_max_age bigint", only_newest=True)

VACUUM = dashboard(
    "vacuum-bloat",
    "Vacuum and Bloat",
    "Dead rows, when vacuum last came by, and how far away wraparound is.",
    [collectors(), databases(DATABASE_TABLE), SCHEMAS],
    [
        series("Dead Rows by Database", "Rows that vacuum has not removed yet, over all chosen tables.", "short", f"""
SELECT time, metric, sum(value) AS value FROM (
  SELECT {BUCKET} AS time, database_name AS metric, {TABLE_KEY}, avg(n_dead_tup) AS value
  FROM {TABLES} WHERE {CHOSEN_DATABASES} AND {OF_SCHEMAS} GROUP BY 1, 2, {TABLE_KEY}) t
GROUP BY 1, 2 ORDER BY 1, 2"""),
        series("Wraparound", "Share of transaction ids left before wraparound, the least in each interval.",
               "percentunit", f"""
WITH {XIDS}
SELECT {BUCKET} AS time, database_name AS metric, min(share_left) AS value
FROM xids WHERE {among('database_name', 'database')} GROUP BY 1, 2 ORDER BY 1, 2"""),
        table("Last Vacuum", "Tables with the most dead rows, and when vacuum and analyze last finished on them.", f"""
SELECT {NAMED}, n_live_tup AS "Rows", n_dead_tup AS "Dead rows",
  n_dead_tup::float8 / nullif(n_live_tup + n_dead_tup, 0) AS "Dead share",
  greatest(last_vacuum, last_autovacuum) AS "Vacuumed", greatest(last_analyze, last_autoanalyze) AS "Analyzed",
  n_mod_since_analyze AS "Changed since"
FROM {NEWEST_TABLES} ORDER BY n_dead_tup DESC NULLS LAST LIMIT 30""",
              {"Dead share": "percentunit", "Vacuumed": "dateTimeAsIso", "Analyzed": "dateTimeAsIso"}),
        table("Bloat", "Share of dead rows as stock collectors see it; it is no measure of free space in files.", f"""
SELECT {NAMED}, dead_ratio_percent AS "Dead", space_wasted_percent AS "Wasted", table_size AS "Size"
FROM {newest("metrics.metrics_pg_bloat_tables", TABLE_KEY, f"{CHOSEN_DATABASES} AND {OF_SCHEMAS}")}
ORDER BY 3 DESC NULLS LAST LIMIT 20""", {"Dead": "percent", "Wasted": "percent"}, (12, 9)),
        table("Oldest Tables", "Tables by the age of their oldest row; vacuum is forced where the share reaches 100 %.",
              f"""
SELECT schema || '.' || name AS "Table", database_name AS "Database", last(xid_age, time) AS "Age",
  last(xid_age, time)::float8 / nullif(last(freeze_max_age, time), 0) AS "Share of the limit"
FROM {FREEZE} f WHERE {among('database_name', 'database')}
GROUP BY collector_id, 1, 2 ORDER BY 4 DESC NULLS LAST LIMIT 20""", {"Share of the limit": "percentunit"}, (12, 9)),
        stat("Tables never vacuumed", "Tables with dead rows that vacuum has not finished on since statistics began.",
             "short", f"""
SELECT count(*) AS value FROM {NEWEST_TABLES}
WHERE n_dead_tup > 0 AND last_vacuum IS NULL AND last_autovacuum IS NULL"""),
    ],
    refresh="1m",
)

DASHBOARDS = [INFRASTRUCTURE, GROWTH_BOARD, VACUUM]

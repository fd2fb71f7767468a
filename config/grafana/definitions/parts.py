"""Fragments of SQL that many panels share.

Only the macros `$__timeFilter`, `$__timeFrom`, `$__timeTo`, `$__timeGroup` and `$__interval` are used: the tests expand
these.
"""

from .model import variable


def among(column, name, kind="text"):
    """Whether `column` is one of the chosen values of the variable `name`; of none, if there is nothing to choose."""
    return f"{column} = ANY (ARRAY[${{{name}:sqlstring}}]::{kind}[])"


COLLECTOR = among("collector_id", "collector", "uuid")
DATABASE = among("database_name", "database")
# What almost every query of a typed table is limited to.
CHOSEN = f"$__timeFilter(time) AND {COLLECTOR}"
CHOSEN_DATABASES = f"{CHOSEN} AND {DATABASE}"
BUCKET = "$__timeGroup(time, '$__interval')"

# Under this collector the cluster keeps what it finds out: it is no server.
FINDINGS = "7067616e-616c-8974-8963-7366696e6473"

# The collectors of the time range, and the name of their host if they send it in an element.
HOSTS = f"""hosts AS (
  SELECT c.collector_id, coalesce(s.hostname, i.hostname, c.collector_id::text) AS host
  FROM (SELECT DISTINCT collector_id FROM metrics.elements
    WHERE $__timeFilter(time) AND collector_id <> '{FINDINGS}') c
  LEFT JOIN LATERAL (
    SELECT e.body::json->>'hostname' AS hostname FROM metrics.elements e
    WHERE e.collector_id = c.collector_id AND e.kind = 'pg_connections'
      AND e.time BETWEEN $__timeTo()::timestamptz - interval '1 hour' AND $__timeTo()::timestamptz
    ORDER BY e.time DESC LIMIT 1) s ON true
  LEFT JOIN LATERAL (
    SELECT hostname FROM metrics.metrics_host_inventory h
    WHERE h.collector_id = c.collector_id ORDER BY time DESC LIMIT 1) i ON true)"""


def rows(kind, columns, only_newest=False):
    """The rows of the elements of `kind`, which are stored as they were sent; `columns` with their types.

    Every row is sent once an hour at least: who asks for the newest only reads the last two hours of the range.
    """
    newest = " AND e.time > $__timeTo()::timestamptz - interval '2 hours'" if only_newest else ""
    return f"""(SELECT e.time, e.collector_id, e.database_name, r.*
    FROM metrics.elements e CROSS JOIN LATERAL json_to_recordset(e.body::json->'rows') AS r({columns})
    WHERE $__timeFilter(e.time){newest} AND e.kind = '{kind}' AND e.{COLLECTOR})"""


def collectors():
    """The variable `collector`: the id, shown with the host's name where it is known."""
    return variable("collector", "Collector", f"""
WITH {HOSTS}
SELECT CASE WHEN host = collector_id::text THEN host ELSE host || ' (' || left(collector_id::text, 8) || ')' END
    AS __text, collector_id::text AS __value
FROM hosts ORDER BY 1""")


def databases(table):
    """The variable `database`: those of the chosen collectors in `table`."""
    return variable("database", "Database", f"""
SELECT DISTINCT database_name FROM {table} WHERE {CHOSEN} ORDER BY 1""")

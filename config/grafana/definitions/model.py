"""Panels, variables and dashboards, as Grafana's JSON."""

SQL = {"type": "grafana-postgresql-datasource", "uid": "pganalytics-sql"}
PROM = {"type": "prometheus", "uid": "pganalytics-prom"}
# Grafana's grid has this many columns.
COLUMNS = 24


def _panel(kind, title, description, unit, size, targets, source):
    width, height = size
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": source,
        "gridPos": {"x": 0, "y": 0, "w": width, "h": height},
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "options": {},
        "targets": targets,
    }


def _sql(sql, shape):
    return {
        "refId": "A",
        "datasource": SQL,
        "editorMode": "code",
        "format": shape,
        "rawQuery": True,
        "rawSql": sql.strip(),
    }


def series(title, description, unit, sql, size=(12, 8), stacked=False):
    """Curves: `sql` gives time, metric (the curve's name) and value, in the order of time."""
    panel = _panel("timeseries", title, description, unit, size, [_sql(sql, "time_series")], SQL)
    # Collectors take a sample a minute: shorter buckets would only be gaps.
    panel["interval"] = "1m"
    if stacked:
        panel["fieldConfig"]["defaults"]["custom"] = {"fillOpacity": 30, "stacking": {"mode": "normal"}}
    return panel


def stat(title, description, unit, sql, size=(6, 4)):
    """One number: `sql` gives one row with one column."""
    panel = _panel("stat", title, description, unit, size, [_sql(sql, "table")], SQL)
    panel["options"] = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return panel


def pie(title, description, unit, sql, size=(12, 8)):
    """Shares: `sql` gives metric and value."""
    panel = _panel("piechart", title, description, unit, size, [_sql(sql, "table")], SQL)
    panel["options"] = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": True},
        "legend": {"displayMode": "table", "placement": "right", "values": ["percent", "value"]},
    }
    return panel


def table(title, description, sql, units, size=(24, 9)):
    """Rows; `units` are those of columns by name, all others are plain."""
    panel = _panel("table", title, description, "short", size, [_sql(sql, "table")], SQL)
    panel["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
        for name, unit in units.items()
    ]
    return panel


def prom(title, description, unit, expressions, size=(12, 8), kind="timeseries"):
    """Curves of PromQL: `expressions` are pairs of expression and legend."""
    targets = [
        {"refId": chr(ord("A") + n), "datasource": PROM, "expr": expression, "legendFormat": legend}
        for n, (expression, legend) in enumerate(expressions)
    ]
    return _panel(kind, title, description, unit, size, targets, PROM)


def variable(name, label, sql):
    """A choice of several values that `sql` gives; all at first."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SQL,
        "query": sql.strip(),
        "definition": sql.strip(),
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        # Again whenever the time range changes.
        "refresh": 2,
        "sort": 1,
    }


def instances():
    """The nodes that Prometheus scrapes."""
    query = "label_values(pganalytics_build_info, instance)"
    return {
        "type": "query",
        "name": "instance",
        "label": "Node",
        "datasource": PROM,
        "query": {"query": query, "refId": "instance"},
        "definition": query,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "refresh": 2,
        "sort": 1,
    }


def choice(name, label, values, first):
    """A choice of one of `values`."""
    return {
        "type": "custom",
        "name": name,
        "label": label,
        "query": ",".join(values),
        "options": [{"text": value, "value": value, "selected": value == first} for value in values],
        "current": {"text": first, "value": first},
    }


def dashboard(uid, title, description, variables, panels, refresh="30s", since="now-24h"):
    """A dashboard; its panels are laid out in rows from the left, in their order."""
    x = y = height = 0
    for number, panel in enumerate(panels, start=1):
        place = panel["gridPos"]
        if x + place["w"] > COLUMNS:
            x, y, height = 0, y + height, 0
        place["x"], place["y"] = x, y
        x, height = x + place["w"], max(height, place["h"])
        panel["id"] = number
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["pganalytics"],
        "editable": True,
        "schemaVersion": 39,
        "version": 1,
        "timezone": "browser",
        "refresh": refresh,
        "time": {"from": since, "to": "now"},
        "templating": {"list": variables},
        "panels": panels,
    }

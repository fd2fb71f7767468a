#!/usr/bin/env python3
"""What the typed tables of our collector's elements cost a node: `typed_tables.py OLD NEW DSN [MINUTES]`.

NEW reads the server of DSN once. A demo of one node of each program, in turn, then gets that as MINUTES of pushes, each
with later times and larger counters: what is read once a minute in each, all rows of a list once an hour and every tenth
of them else, as our collector sends what changed. Prints, for both and as ratios new to old: processor seconds of the
node until all is stored, latency of the pushes, and bytes of its store.
"""

import copy
import datetime
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

# What is read less often than once a minute: minutes.
SELDOM = {"pg_index": 5, "pg_freeze": 5, "pg_setting": 5, "pg_schema_object": 5, "pg_sequence": 15, "pg_table_size": 15,
          "pg_bloat_estimate": 60, "pg_tablespace": 60, "pg_extension": 60, "pg_column": 60}


def grown(row, minute):
    """A row whose whole numbers, but for ids, are larger each minute."""
    def value(name, found):
        is_number = isinstance(found, int) and not isinstance(found, bool)
        return found + minute * 7 if is_number and not name.endswith("id") else found
    return {name: value(name, found) for name, found in row.items()}


def pushes(elements, minutes):
    begin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=minutes + 5)
    for minute in range(minutes):
        at = (begin + datetime.timedelta(minutes=minute)).isoformat()
        metrics = []
        for element in elements:
            kind = element["type"]
            if minute % SELDOM.get(kind, 1):
                continue
            changed = {**grown(element, minute), "timestamp": at}
            if "rows" in element:
                is_all = minute % 60 == 0 or not element.get("changed_only") is False
                rows = [row for n, row in enumerate(element["rows"]) if is_all or n % 10 == minute % 10]
                changed["rows"] = [grown(row, minute) if isinstance(row, dict) else row for row in rows]
            metrics.append(copy.copy(changed))
        yield {"collector_id": "typed", "hostname": "h", "timestamp": at, "version": "3", "metrics": metrics}


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(program, elements, minutes, port):
    directory = tempfile.mkdtemp(prefix="pganalytics-typed-")
    demo = subprocess.Popen(
        [program, "demo", "--no-collector", "--json", "--nodes", "1", "--dir", f"{directory}/demo",
         "--http-base-port", str(port), "--quic-base-port", str(port + 10)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        node = json.loads(demo.stdout.readline())["nodes"][0]
        time.sleep(2)
        begun, latencies, size = cpu_seconds(node["pid"]), [], 0
        for push in pushes(elements, minutes):
            body = json.dumps(push).encode()
            size += len(body)
            sent = time.monotonic()
            request = urllib.request.Request(f"{node['http']}/api/v1/metrics/push", body,
                                             {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
            latencies.append(time.monotonic() - sent)
        while not is_stored(node["http"]):
            time.sleep(0.2)
        cpu = cpu_seconds(node["pid"]) - begun
        store = pathlib.Path(node["data"]) / "store"
        stored = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
        return {"cpu_s": round(cpu, 2), "push_ms": round(statistics.median(latencies) * 1e3, 2),
                "store_mb": round(stored / 1e6, 2), "pushed_mb": round(size / 1e6, 2)}
    finally:
        demo.terminate()
        demo.wait()
        shutil.rmtree(directory, ignore_errors=True)


def is_stored(node):
    with urllib.request.urlopen(f"{node}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    buffered = [float(line.split()[-1]) for line in lines if line.startswith("pganalytics_buffer_pending_entries")]
    return sum(buffered) == 0


def main(old, new, dsn, minutes=120):
    once = subprocess.run([new, "collect", "once", "--dsn", dsn, "--output", "json"], capture_output=True, check=True)
    elements = [json.loads(line) for line in once.stdout.splitlines()]
    # Versions before these tables fail to add identifiers up.
    for element in elements:
        element.pop("system_identifier", None)
    found = {"old": [], "new": []}
    for turn in range(4):
        for name, program in [("old", old), ("new", new)][:: 1 if turn % 2 == 0 else -1]:
            found[name].append(measure(program, elements, minutes, 19500 + 40 * turn + (20 if name == "new" else 0)))
            print(name, json.dumps(found[name][-1]), flush=True)
    for figure in ["cpu_s", "push_ms", "store_mb"]:
        ratios = [new[figure] / old[figure] for old, new in zip(found["old"], found["new"])]
        print(f"{figure}, new to old: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:4], *map(int, sys.argv[4:]))

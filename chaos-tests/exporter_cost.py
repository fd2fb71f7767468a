#!/usr/bin/env python3
"""What a server spends on our collector, and on postgres_exporter at the same cadence.

    chaos-tests/exporter_cost.py PROGRAM EXPORTER DIR [SECONDS [ROUNDS]]

The server is that of collector_cost.py: PostgreSQL 16, 1,000 tables, 500 statements. In turn our
collector runs at its usual cadences (a cycle every 10 s), and postgres_exporter, of which EXPORTER is
the program, is scraped every 10 s with all databases discovered; each for SECONDS (120) after it has
read everything once, beside 50 transactions a second. Each has a role of its own, so that
pg_stat_statements tells what the server executed for it. Uses the ports of collector_cost.py, and
9398 of the loopback.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import urllib.request

from collector_cost import Collector, Server

EXPORTER = "127.0.0.1:9398"
CADENCE = 10


def process_cost(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text().split("VmRSS:")[1]
    return int(status.split()[0]) / 1024


def spent(server, role):
    """Milliseconds that the server executed for a role, and the statements that it ran."""
    row = server.sql("SELECT coalesce(sum(total_exec_time + total_plan_time), 0), coalesce(sum(calls), 0)"
                     f" FROM pg_stat_statements WHERE userid = '{role}'::regrole")
    return tuple(float(value) for value in row.split("|"))


class Exporter:
    """A postgres_exporter that was scraped once; `scrape` tells the bytes of its answer."""

    def __init__(self, program, server):
        dsn = f"postgresql://exporter@127.0.0.1:{server.port}/postgres?sslmode=disable"
        self.process = subprocess.Popen(
            [program, f"--web.listen-address={EXPORTER}", "--auto-discover-databases"],
            env=dict(os.environ, DATA_SOURCE_NAME=dsn), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                self.scrape()
                break
            except OSError:
                time.sleep(0.1)

    def scrape(self):
        with urllib.request.urlopen(f"http://{EXPORTER}/metrics", timeout=30) as answer:
            return len(answer.read())

    def stop(self):
        self.process.terminate()
        self.process.wait()


def measure(server, role, process, seconds, tick):
    """What `seconds` cost: of the server's time, of a core, and of memory; and bytes told."""
    load = subprocess.Popen(["pgbench", "-n", "-c", "4", "-R", "50", "-T", str(seconds)], env=server.environment,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before, cpu, begun, told = spent(server, role), process_cost(process), time.monotonic(), 0
    while time.monotonic() - begun < seconds:
        told += tick()
        time.sleep(max(0, min(CADENCE, begun + seconds - time.monotonic())))
    took = time.monotonic() - begun
    after = spent(server, role)
    load.wait()
    return {
        "server ms/min": (after[0] - before[0]) * 60 / took,
        "statements/min": (after[1] - before[1]) * 60 / took,
        "own % of a core": (process_cost(process) - cpu) * 100 / took,
        "MiB resident": resident(process),
        "kB told/min": told * 60 / took / 1e3,
    }


def ours(program, nodes, server, state, seconds):
    collector = Collector(program, nodes, server, state)
    told = [collector.metric("pushed_bytes_total")]

    def tick():
        told.append(collector.metric("pushed_bytes_total"))
        return told[-1] - told[-2]

    try:
        return measure(server, "collector", collector.process, seconds, tick)
    finally:
        collector.stop()


def theirs(program, server, seconds):
    exporter = Exporter(program, server)
    try:
        return measure(server, "exporter", exporter.process, seconds, exporter.scrape)
    finally:
        exporter.stop()


def main(program, exporter, directory, seconds=120, rounds=2):
    root = pathlib.Path(directory)
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o777)
    demo = subprocess.Popen(
        [program, "demo", "--json", "--no-collector", "--dir", root / "demo",
         "--http-base-port", "9300", "--quic-base-port", "9400"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    server = None
    found = {"collector": [], "postgres_exporter": []}
    try:
        nodes = [node["http"] for node in json.loads(demo.stdout.readline())["nodes"]]
        server = Server(str(root / "server"))
        server.prepare()
        server.sql("CREATE ROLE collector SUPERUSER LOGIN; CREATE ROLE exporter SUPERUSER LOGIN")
        server.dsn = server.dsn.replace("postgres@", "collector@")
        for _ in range(rounds):
            found["collector"].append(ours(program, nodes, server, str(root / "state"), seconds))
            found["postgres_exporter"].append(theirs(exporter, server, seconds))
    finally:
        if server:
            server.stop()
        demo.terminate()
        demo.wait()
    for who, rows in found.items():
        print(who + ": " + "; ".join(
            f"{name} {statistics.mean(row[name] for row in rows):.2f}" for name in rows[0]))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:4], *map(int, sys.argv[4:]))

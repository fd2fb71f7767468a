#!/usr/bin/env python3
"""What the collector costs the server that it reads, and its machine.

    chaos-tests/collector_cost.py PROGRAM DIR [PAIRS [SECONDS [STEADY]]]

A server of PostgreSQL 16 in DIR has 1,000 tables and some 500 statements in pg_stat_statements; a
demo of three nodes takes the pushes. In each pair pgbench runs for SECONDS with the collector and
for SECONDS while it is stopped (SIGSTOP); which is first changes from pair to pair, so that what else
the machine does falls on both. Then the collector runs for STEADY seconds beside 50 transactions a second, and what
it takes is measured. The nodes share the machine's cores, as they would not in production. Ports
9300 to 9302 and 9400 to 9402 of the loopback are used, and 9399 for the collector's metrics.
"""

import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
METRICS = "127.0.0.1:9399"
TABLES = 1000
STATEMENTS = 500
CLIENTS = 4


def postgres(*arguments):
    done = subprocess.run([HERE / "postgres.sh", *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


class Server:
    def __init__(self, directory):
        self.directory = directory
        self.port = postgres("start", "16", directory, "-c", "shared_buffers=256MB")
        self.environment = dict(
            os.environ, PGHOST="127.0.0.1", PGPORT=self.port, PGUSER="postgres", PGDATABASE="postgres")
        self.dsn = f"postgres://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def stop(self):
        postgres("stop", "16", self.directory)

    def sql(self, text):
        done = subprocess.run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1"], input=text, text=True,
                              stdout=subprocess.PIPE, env=self.environment, check=True)
        return done.stdout.strip()

    def prepare(self):
        self.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements;" + "".join(
            f"CREATE TABLE t{n} (id int PRIMARY KEY, a text, b text);" for n in range(TABLES)))
        self.sql("SELECT pg_stat_statements_reset()")
        self.sql("".join(f"SELECT count(*) FROM t{n};" for n in range(STATEMENTS)))
        subprocess.run(["pgbench", "-i", "-q", "-s", "10"], env=self.environment, check=True,
                       stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def bench(self, seconds, *more):
        done = subprocess.run(["pgbench", "-n", "-c", str(CLIENTS), "-j", "1", "-T", str(seconds), *more],
                              env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, check=True)
        latency = float(re.search(r"latency average = ([0-9.]+)", done.stdout)[1])
        return float(re.search(r"tps = ([0-9.]+)", done.stdout)[1]), latency


class Collector:
    """A collector that has read everything once."""

    def __init__(self, program, nodes, server, state):
        log = open(f"{state}.log", "a")
        self.process = subprocess.Popen(
            [program, "collect", "--dsn", server.dsn, "--nodes", ",".join(nodes), "--state-dir", state,
             "--collector-id", "cost", "--metrics-listen", METRICS],
            stdout=log, stderr=log)
        while self.metric("cycles_total") < 2 or self.metric("spool_cycles") > 0:
            time.sleep(0.2)

    def metric(self, name, label=""):
        try:
            with urllib.request.urlopen(f"http://{METRICS}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return 0.0
        rows = re.findall(rf"^pganalytics_collector_{name}{{([^}}]*)}} (\S+)$", text, re.M)
        return sum(float(value) for labels, value in rows if label in labels)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, name):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


def in_turn(program, nodes, server, state, pairs, seconds):
    ratios = []
    collector = Collector(program, nodes, server, state)
    try:
        for pair in range(pairs):
            tps = {}
            for kind in ["on", "off"][:: 1 if pair % 2 == 0 else -1]:
                collector.process.send_signal(signal.SIGCONT if kind == "on" else signal.SIGSTOP)
                time.sleep(3)
                tps[kind], _ = server.bench(seconds)
            ratios.append(tps["on"] / tps["off"])
            print(f"pair {pair + 1}: {tps['on']:.0f} tps with, {tps['off']:.0f} without,"
                  f" ratio {ratios[-1]:.3f}", flush=True)
    finally:
        collector.process.send_signal(signal.SIGCONT)
        collector.stop()
    print(f"median ratio {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}")


def steady(program, nodes, server, state, seconds):
    collector = Collector(program, nodes, server, state)
    try:
        # What is read once an hour was read, and is not part of a minute.
        first, begun = collector.metric("pushed_bytes_total"), time.monotonic()
        cpu, cycles = collector.cpu_seconds(), collector.metric("cycles_total")
        _, latency = server.bench(seconds, "-R", "50")
        took = time.monotonic() - begun
        cpu = collector.cpu_seconds() - cpu
        sent = collector.metric("pushed_bytes_total") - first
        cycles = collector.metric("cycles_total") - cycles
        tables = server.sql("SELECT count(*) FROM pg_stat_user_tables")
        statements = server.sql("SELECT count(*) FROM pg_stat_statements")
        print(f"{took:.0f} s beside 50 transactions a second ({latency:.1f} ms each), {tables} tables,"
              f" {statements} statements, {cycles:.0f} cycles:")
        print(f"  processor {cpu / took:.2%} of a core")
        print(f"  memory {collector.memory('VmRSS'):.0f} MiB resident, {collector.memory('VmHWM'):.0f} at most")
        print(f"  first cycles {first / 1e6:.2f} MB; then {sent * 3600 / took / 1e6:.2f} MB an hour"
              f" (zstd {collector.metric('pushed_bytes_total', 'zstd') / 1e6:.2f} MB of it all)")
    finally:
        collector.stop()


def main(program, directory, pairs=6, seconds=30, steady_seconds=600):
    root = pathlib.Path(directory)
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o777)
    demo = subprocess.Popen(
        [program, "demo", "--json", "--no-collector", "--dir", root / "demo",
         "--http-base-port", "9300", "--quic-base-port", "9400"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    server = None
    try:
        nodes = [node["http"] for node in json.loads(demo.stdout.readline())["nodes"]]
        server = Server(str(root / "server"))
        server.prepare()
        state = str(root / "state")
        in_turn(program, nodes, server, state, pairs, seconds)
        steady(program, nodes, server, state, steady_seconds)
    finally:
        if server:
            server.stop()
        demo.terminate()
        demo.wait()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))

#!/usr/bin/env python3
"""Pushes of two programs in turn: `old_and_new.py OLD NEW [ROUNDS]`.

Each round starts a demo of three nodes with each program, the first of them by turns, and pushes at full rate with
NEW's load generator: 64 collectors of one element a push, then 16 of a hundred. Prints what each round measured, and
the median of the ratios new to old: of pushes acknowledged a second, and of the latency at p50 and p99.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

LOADS = [(64, 1), (16, 100)]
SECONDS = 12
FIGURES = {"pushes/s": 0, "p50": 1, "p99": 2}


def measure(program, generator, port):
    """Pushes a second and latencies of each load, on nodes of `program`."""
    directory = tempfile.mkdtemp(prefix="pganalytics-pair-")
    ports = ["--http-base-port", str(port), "--quic-base-port", str(port + 10)]
    demo = subprocess.Popen(
        [program, "demo", "--no-collector", "--json", "--dir", f"{directory}/demo", *ports],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        nodes = ",".join(node["http"] for node in json.loads(demo.stdout.readline())["nodes"])
        time.sleep(2)
        found = []
        for collectors, elements in LOADS:
            load = [generator, "load", "--json", "--rate", "max", "--duration", f"{SECONDS}s", "--nodes", nodes]
            load += ["--collectors", str(collectors), "--elements", str(elements)]
            done = subprocess.run(load, capture_output=True, text=True, check=True)
            report = json.loads(done.stdout.splitlines()[-1])
            if report["pushes"]["failed"]:
                raise SystemExit(f"{program}: {report['pushes']['failed']} pushes failed")
            latency = report["latency_ms"]
            found.append((report["rate"]["pushes_per_s"], latency["p50"], latency["p99"]))
        return found
    finally:
        demo.terminate()
        demo.wait()
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(1)


def main():
    old, new = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    pairs = []
    for number in range(rounds):
        turns = [("old", old), ("new", new)]
        pair = {}
        for name, program in turns if number % 2 == 0 else reversed(turns):
            pair[name] = measure(program, new, 19000 + 40 * number + (20 if name == "new" else 0))
        pairs.append(pair)
        print(json.dumps(pair), flush=True)
    for at, (collectors, elements) in enumerate(LOADS):
        ratios = {
            name: round(statistics.median(pair["new"][at][n] / pair["old"][at][n] for pair in pairs), 3)
            for name, n in FIGURES.items()
        }
        print(f"{collectors} collectors, {elements} elements a push, new to old: {ratios}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What alerting costs pushes: a demo under load, with the alert rules on and off in turn.

    chaos-tests/alert_latency.py PROGRAM DIR [PAIRS [SECONDS]]

In each pair the same load runs once with all rules and once without any; who is first changes from
pair to pair, so that what else the machine does falls on both. Prints each pair, and the median of
the pairs' ratios. Ports 9400 to 9405 of the loopback are used.
"""

import json
import statistics
import subprocess
import sys
import urllib.request


def ask(node, method, path, body=None, token=None, kind="application/json"):
    request = urllib.request.Request(f"{node}/api/v1{path}", body, method=method)
    request.add_header("content-type", kind)
    if token:
        request.add_header("authorization", f"Bearer {token}")
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def without(rules):
    parts = rules.split("[[rule]]\n")
    return parts[0] + "".join("[[rule]]\nenabled = false\n" + part for part in parts[1:])


def main(program, directory, pairs=8, seconds=20):
    demo = subprocess.Popen(
        [program, "demo", "--json", "--no-collector", "--dir", directory,
         "--http-base-port", "9400", "--quic-base-port", "9403"],
        stdout=subprocess.PIPE, text=True)
    try:
        started = json.loads(demo.stdout.readline())
        nodes = [node["http"] for node in started["nodes"]]
        login = json.dumps(started["admin"])
        token = json.loads(ask(nodes[0], "POST", "/auth/login", login.encode()))["token"]
        on = ask(nodes[0], "GET", "/alert-rules.toml", token=token)
        files = {"on": on, "off": without(on)}
        ratios = {"p50": [], "p99": []}
        for pair in range(pairs):
            found = {}
            for state in ["on", "off"][:: 1 if pair % 2 == 0 else -1]:
                ask(nodes[0], "PUT", "/alert-rules.toml", files[state].encode(), token,
                    "application/toml")
                load = subprocess.run(
                    [program, "load", "--json", "--nodes", ",".join(nodes), "--kind", "cycle",
                     "--collectors", "20", "--interval", "1s", "--duration", f"{seconds}s",
                     "--seed", "1"],
                    stdout=subprocess.PIPE, text=True)
                found[state] = json.loads(load.stdout)
            line = []
            for name, all_ratios in ratios.items():
                first, second = (found[state]["latency_ms"][name] for state in ("on", "off"))
                all_ratios.append(first / second)
                line.append(f"{name} on {first:.1f} ms, off {second:.1f} ms")
            failed = sum(one["pushes"]["failed"] for one in found.values())
            print(f"pair {pair + 1}: {'; '.join(line)}; failed {failed}", flush=True)
        for name, all_ratios in ratios.items():
            low, high = min(all_ratios), max(all_ratios)
            print(f"{name}: on to off {statistics.median(all_ratios):.2f} "
                  f"(median of {pairs} pairs, {low:.2f} to {high:.2f})")
    finally:
        demo.terminate()
        demo.wait()


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:5]))

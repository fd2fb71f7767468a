#!/usr/bin/env python3
"""What logins cost pushes: a demo under load, with and without people who log in.

    chaos-tests/login_latency.py PROGRAM DIR [PAIRS [SECONDS [LOGINS]]]

In each pair the same load runs once beside LOGINS logins a second (50), spread over the nodes, and
once without; who is first changes from pair to pair, so that what else the machine does falls on
both. Prints each pair, and the median of the pairs' ratios. A login that the node has no room for is
answered 503, and counted. Ports 9410 to 9415 of the loopback are used.
"""

import collections
import concurrent.futures
import json
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request


def login(node, body):
    request = urllib.request.Request(f"{node}/api/v1/auth/login", body, method="POST")
    request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return type(error).__name__


def people(nodes, body, each_second, stop, answers):
    """Logs in at a steady pace, whatever the answers take, until told to stop."""
    with concurrent.futures.ThreadPoolExecutor(128) as pool:
        begun, count = time.monotonic(), 0
        while not stop.is_set():
            node = nodes[count % len(nodes)]
            done = pool.submit(login, node, body)
            done.add_done_callback(lambda done: answers.update([done.result()]))
            count += 1
            stop.wait(max(0.0, begun + count / each_second - time.monotonic()))


def load(program, nodes, seconds):
    done = subprocess.run(
        [program, "load", "--json", "--nodes", ",".join(nodes), "--kind", "cycle",
         "--collectors", "20", "--interval", "1s", "--duration", f"{seconds}s", "--seed", "1"],
        stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def beside(program, nodes, body, seconds, each_second):
    stop, answers = threading.Event(), collections.Counter()
    thread = threading.Thread(target=people, args=(nodes, body, each_second, stop, answers))
    thread.start()
    try:
        return load(program, nodes, seconds), answers
    finally:
        stop.set()
        thread.join()


def main(program, directory, pairs=6, seconds=20, each_second=50):
    demo = subprocess.Popen(
        [program, "demo", "--json", "--no-collector", "--dir", directory,
         "--http-base-port", "9410", "--quic-base-port", "9413"],
        stdout=subprocess.PIPE, text=True)
    try:
        started = json.loads(demo.stdout.readline())
        nodes = [node["http"] for node in started["nodes"]]
        body = json.dumps(started["admin"]).encode()
        ratios = {"p50": [], "p99": []}
        for pair in range(pairs):
            found, answers = {}, collections.Counter()
            for state in ["with", "without"][:: 1 if pair % 2 == 0 else -1]:
                if state == "with":
                    found[state], answers = beside(program, nodes, body, seconds, each_second)
                else:
                    found[state] = load(program, nodes, seconds)
            line = []
            for name, all_ratios in ratios.items():
                first, second = (found[state]["latency_ms"][name] for state in ("with", "without"))
                all_ratios.append(first / second)
                line.append(f"{name} with {first:.1f} ms, without {second:.1f} ms")
            failed = sum(one["pushes"]["failed"] for one in found.values())
            told = ", ".join(f"{count} x {status}" for status, count in sorted(answers.items(), key=str))
            print(f"pair {pair + 1}: {'; '.join(line)}; failed {failed}; logins {told}", flush=True)
        for name, all_ratios in ratios.items():
            low, high = min(all_ratios), max(all_ratios)
            print(f"{name}: with to without {statistics.median(all_ratios):.2f} "
                  f"(median of {pairs} pairs, {low:.2f} to {high:.2f})")
    finally:
        demo.terminate()
        demo.wait()


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:6]))

"""Runs schemathesis against one node of three: `schemathesis.py PROGRAM CASES SEED`.

The cluster asks for tokens as a real one does (`node.demo = false`), a simulated collector feeds it, and the requests
come with an admin's API token, or a collector's token where that is what an operation wants. Then two nodes are
stopped, and reads go on without a quorum: their answers have to be documented, too.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
HTTP_PORT = int(os.environ.get("PGANALYTICS_TEST_HTTP_PORT", "18311"))
DATA_WITHIN = 60


class Node:
    """Requests to one node, as its admin."""

    def __init__(self, url, admin):
        self.url = url
        self.token = None
        self.token = self.ask("/api/v1/auth/login", admin)["token"]

    def ask(self, path, body=None, headers=None):
        """The answer to a GET, or to a POST of `body`."""
        request = urllib.request.Request(self.url + path, headers=headers or {})
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.data = json.dumps(body).encode()
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)


def start(program, directory):
    """Three nodes that take nothing without a token."""
    ports = ["--http-base-port", str(HTTP_PORT), "--quic-base-port", str(HTTP_PORT + 10)]
    demo = subprocess.Popen(
        [program, "demo", "--json", "--no-collector", "--dir", f"{directory}/demo", *ports],
        env={
            **os.environ,
            "PGANALYTICS_NODE__DEMO": "false",
            # Else nearly all logins and registrations are only told that they come too often.
            "PGANALYTICS_LIMITS__MAX_REGISTRATION_FAILURES": "100000",
        },
        stdout=subprocess.PIPE,
    )
    line = demo.stdout.readline()
    if not line:
        raise SystemExit(f"the cluster did not start: exit code {demo.wait()}")
    return demo, json.loads(line)


def feed(program, facts):
    """A collector that reads a simulated server."""
    nodes = ",".join(node["http"] for node in facts["nodes"])
    collect = [program, "collect", "--nodes", nodes, "--interval", "1s", "--seed", "7"]
    secret = {**os.environ, "PGANALYTICS_REGISTRATION_SECRET": facts["registration_secret"]}
    return subprocess.Popen(collect, env=secret, stderr=subprocess.DEVNULL)


def real_ids(node):
    """Ids that the paths of the document may hold, once there are some."""
    deadline = time.monotonic() + DATA_WITHIN
    while time.monotonic() < deadline:
        collectors = [row["id"] for row in node.ask("/api/v1/collectors")["data"]]
        for collector in collectors:
            path = f"/api/v1/collectors/{collector}/queries/slow"
            queries = [row["query_hash"] for row in node.ask(path)["queries"]]
            if queries:
                return collectors[:1], queries[:3]
        time.sleep(0.5)
    raise SystemExit(f"no statement within {DATA_WITHIN} s")


def settings(directory, node, facts):
    """The settings of schemathesis: those of all runs, with tokens and ids of this one."""
    collectors, queries = real_ids(node)
    user = node.ask("/api/v1/api-tokens", {"name": "schemathesis", "scope": "admin"})
    register = {"name": "schemathesis", "hostname": "schemathesis"}
    secret = {"X-Registration-Secret": facts["registration_secret"]}
    collector = node.ask("/api/v1/collectors/register", register, secret)
    # Small numbers are ids of alerts, channels, silences, snapshots. None is the admin's, who must stay.
    ids = [*collectors, collector["collector_id"], 2, 3]
    with open(f"{HERE}/schemathesis.toml", encoding="utf-8") as common:
        text = common.read()
    text += f"""
[auth.openapi.user]
bearer = {json.dumps(user["token"])}

[auth.openapi.collector]
bearer = {json.dumps(collector["token"])}

[dictionaries.ids]
values = {json.dumps(ids)}

[dictionaries.hashes]
values = {json.dumps(queries)}

[parameters]
"path.id" = {{ dictionary = "ids", probability = 0.6 }}
"path.collector_id" = {{ dictionary = "ids", probability = 0.6 }}
"path.hash" = {{ dictionary = "hashes", probability = 0.6 }}
"""
    path = f"{directory}/schemathesis.toml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    # What the random requests must not touch: who asks.
    hooks = f"{directory}/hooks.py"
    with open(hooks, "w", encoding="utf-8") as file:
        file.write(HOOKS.format(kept=[str(user["user_id"]), user["id"]]))
    return path, hooks


HOOKS = """
import schemathesis

KEPT = {kept!r}


@schemathesis.hook
def filter_path_parameters(context, path_parameters):
    # Deleting the admin who asks, or the token, would end the run.
    return path_parameters is None or str(path_parameters.get("id")) not in KEPT
"""


def run(node, config, hooks, *options):
    """One run; whether nothing was found."""
    schemathesis = os.path.join(os.path.dirname(sys.executable), "schemathesis")
    document = f"{node.url}/api/v1/openapi.json"
    command = [schemathesis, "--config-file", config, "run", document, "--no-color", *options]
    return subprocess.run(command, env={**os.environ, "SCHEMATHESIS_HOOKS": hooks}).returncode == 0


def wait_unready(node):
    """Waits until the node knows that it has no quorum."""
    deadline = time.monotonic() + DATA_WITHIN
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(node.url + "/readyz", timeout=20).close()
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return
        time.sleep(0.2)
    raise SystemExit(f"ready without a quorum for {DATA_WITHIN} s")


def end(process):
    """Ends a process, as its user would."""
    process.terminate()
    process.wait()


def main():
    program, cases, seed = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3]
    directory = tempfile.mkdtemp(prefix="pganalytics-schemathesis-")
    os.chdir(directory)
    demo, facts = start(program, directory)
    collector = feed(program, facts)
    is_good = is_alive = False
    try:
        node = Node(facts["nodes"][0]["http"], facts["admin"])
        config, hooks = settings(directory, node, facts)
        random = ["--max-examples", cases, "--seed", seed]
        is_good = run(node, config, hooks, "--phases", "coverage,fuzzing", *random)
        is_alive = demo.poll() is None and node.ask("/api/v1/users")["total"] > 0
        for other in facts["nodes"][1:]:
            os.kill(other["pid"], signal.SIGSTOP)
        try:
            wait_unready(node)
            cut_off = ["--phases", "coverage", "--include-method", "GET", "--seed", seed]
            is_good &= run(node, config, hooks, *cut_off)
        finally:
            for other in facts["nodes"][1:]:
                os.kill(other["pid"], signal.SIGCONT)
    finally:
        end(collector)
        end(demo)
        shutil.rmtree(directory, ignore_errors=True)
    if not is_alive:
        raise SystemExit("the cluster did not outlive the requests")
    if not is_good:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

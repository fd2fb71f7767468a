#!/usr/bin/env python3
"""Writes the Grafana dashboards of `definitions/` as JSON into `dashboards/`.

    build.py            writes them
    build.py --check    says which committed file differs, and fails if one does

The JSON is committed, so that Grafana needs nothing but these files. It is generated, since by hand the same query
fragments would stand in it a hundred times. It is Python without dependencies, not the TypeScript of Grafana's
foundation SDK: that one has no builder for PostgreSQL queries, which are most of this, and would bring npm into the
build for what is some dictionaries.
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from definitions import activity, findings, fleet, nodes, queries, relations, replication  # noqa: E402

MODULES = [queries, replication, relations, activity, findings, fleet, nodes]


def files():
    """Name and text of each dashboard's file."""
    for module in MODULES:
        for board in module.DASHBOARDS:
            yield f"{board['uid']}.json", json.dumps(board, indent=1, ensure_ascii=False) + "\n"


def main():
    wanted = dict(files())
    directory = HERE / "dashboards"
    there = {path.name: path.read_text() for path in directory.glob("*.json")}
    if sys.argv[1:] == ["--check"]:
        names = sorted(wanted.keys() | there.keys())
        differ = [name for name in names if wanted.get(name) != there.get(name)]
        for name in differ:
            print(f"{name} is not what build.py writes", file=sys.stderr)
        return 1 if differ else 0
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 64
    for name in there.keys() - wanted.keys():
        (directory / name).unlink()
    for name, text in wanted.items():
        (directory / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

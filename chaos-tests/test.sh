#!/usr/bin/env bash
# All tests, on a machine with Rust, a C compiler and make: prepares what they need, then runs them.
# Arguments go to cargo test, e.g. `chaos-tests/test.sh -p pga-storage`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A ready server in PGANALYTICS_TEST_TIMESCALE_URL serves all tests but those that crash it.
if [ -z "${PGANALYTICS_TEST_TIMESCALE_URL:-}" ] || [ "$(id -u)" = 0 ]; then
    chaos-tests/timescaledb.sh prepare
    chaos-tests/timescaledb.sh sweep
fi

# The collector is tried on real servers of every major that it supports.
chaos-tests/postgres.sh prepare

# Receivers of notifications.
chaos-tests/receivers.sh prepare > /dev/null

# The scenarios run the real program, which has to stand beside the test binaries. Testing the whole workspace builds
# it; a part of it may not.
if [ $# -gt 0 ]; then
    cargo build --locked --workspace --bins
fi
if [ $# -gt 0 ]; then
    cargo test --locked --workspace --no-fail-fast "$@"
else
    # These measure seconds, which scenarios beside them would take away.
    measured=(readiness::two_of_three readiness::a_stopped_leader)
    cargo test --locked --workspace --no-fail-fast -- "${measured[@]/#/--skip=}"
    cargo test --locked --workspace --test it -- --test-threads=1 "${measured[@]}"
fi

# The web page, in a real browser against three nodes.
if [ $# -eq 0 ]; then
    web/ui/check.sh
fi

# Tests that cannot make disks say so and pass, and what a passing test says is not shown.
if [ "$(id -u)" != 0 ] || [ ! -e /dev/loop-control ]; then
    echo "test.sh: WITHOUT power cuts and failing disks: they take root and loop devices" >&2
fi

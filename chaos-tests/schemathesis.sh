#!/usr/bin/env bash
# Requests that schemathesis makes out of the served OpenAPI document, to a node of a running cluster.
#
#   schemathesis.sh [PROGRAM [CASES [SEED]]]
#
# PROGRAM is target/debug/pganalytics, CASES how many random requests each operation gets beside those that follow from
# its description (25), SEED where the random ones begin (1). Fails with what was found, and with the commands that
# repeat it. Needs python3 with venv; fetches schemathesis once, below the build directory.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
target="${CARGO_TARGET_DIR:-$here/../target}"
place="${PGANALYTICS_TEST_SCHEMATHESIS:-$target/test-schemathesis}"
version=4.32.5

if [ "$("$place/bin/python" -c 'import schemathesis; print(schemathesis.__version__)' 2>/dev/null)" != "$version" ]; then
    echo "fetching schemathesis $version" >&2
    python3 -m venv --clear "$place" >&2 || {
        apt-get update -q >&2 && apt-get install -qy --no-install-recommends python3-venv >&2
        python3 -m venv --clear "$place" >&2
    }
    "$place/bin/pip" install -q "schemathesis==$version" >&2
fi
exec "$place/bin/python" "$here/schemathesis.py" "${1:-$target/debug/pganalytics}" "${2:-25}" "${3:-1}"

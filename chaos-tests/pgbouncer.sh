#!/usr/bin/env bash
# A real PgBouncer for tests: installs it if it is missing (that needs root), and prints its path.
set -euo pipefail

if ! command -v pgbouncer >/dev/null; then
    install() { apt-get install -qy --no-install-recommends pgbouncer >&2; }
    install || { apt-get update -q >&2 && install; }
fi
command -v pgbouncer

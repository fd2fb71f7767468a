#!/usr/bin/env bash
# Real services beside the nodes, for the tests: Debian's Alertmanager, Prometheus and Redis, and aiosmtpd from PyPI.
#
#   receivers.sh prepare   fetches them, if missing, below the build directory; prints where they are
#   receivers.sh alertmanager ARG…  runs Alertmanager
#   receivers.sh redis ARG…  runs Redis
#   receivers.sh smtp PORT runs a mail server on loopback that prints each mail's key as a line of JSON
#
# PGANALYTICS_TEST_RECEIVERS puts them elsewhere. Needs apt-get, dpkg-deb, unshare and python3 with venv, not root.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
place="${PGANALYTICS_TEST_RECEIVERS:-${CARGO_TARGET_DIR:-$here/../target}/test-receivers}"

prepare() {
    mkdir -p "$place"
    exec 9>"$place/lock"
    flock 9
    if [ ! -x "$place/usr/bin/prometheus-alertmanager" ] || [ ! -x "$place/usr/bin/promtool" ]; then
        echo "fetching prometheus-alertmanager and prometheus" >&2
        # A new machine has no lists of packages yet.
        (
            cd "$place"
            fetch() { apt-get download -q prometheus-alertmanager prometheus >&2; }
            fetch || { apt-get update -q >&2 && fetch; }
            for file in *.deb; do dpkg-deb -x "$file" .; done
        )
    fi
    if [ ! -x "$place/usr/bin/redis-server" ]; then
        echo "fetching redis" >&2
        mkdir -p "$place/redis"
        (
            cd "$place/redis"
            fetch() { apt-get download -q redis-server redis-tools libhiredis0.14 libjemalloc2 liblua5.1-0 liblzf1 lua-bitop lua-cjson libatomic1 >&2; }
            fetch || { apt-get update -q >&2 && fetch; }
            for file in *.deb; do dpkg-deb -x "$file" "$place"; done
        )
    fi
    if ! "$place/venv/bin/python" -c 'import aiosmtpd' 2>/dev/null; then
        echo "fetching aiosmtpd" >&2
        python3 -m venv "$place/venv" >&2 || {
            apt-get update -q >&2 && apt-get install -qy --no-install-recommends python3-venv >&2
            python3 -m venv --clear "$place/venv" >&2
        }
        "$place/venv/bin/pip" install -q 'aiosmtpd==1.4.6' >&2
    fi
    (cd "$place" && pwd)
}

case "${1:-}" in
prepare) prepare ;;
alertmanager)
    # It looks for its templates below /usr/share: there it sees those that were fetched.
    exec unshare --user --map-root-user --mount sh -c 'mount --bind "$0/usr/share" /usr/share && exec "$0/usr/bin/prometheus-alertmanager" "$@"' "$(cd "$place" && pwd)" "${@:2}"
    ;;
redis)
    export LD_LIBRARY_PATH
    LD_LIBRARY_PATH=$(echo "$place"/usr/lib/*-linux-gnu)
    exec "$place/usr/bin/redis-server" "${@:2}"
    ;;
smtp) exec "$place/venv/bin/python" "$here/smtp.py" "${2:?port}" ;;
*) sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64 ;;
esac

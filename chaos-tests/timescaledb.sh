#!/usr/bin/env bash
# A real TimescaleDB for tests and benchmarks, without a container engine.
#
#   timescaledb.sh [prepare]              prepares the root file system (again: repairs it, or does nothing)
#   timescaledb.sh with promtool|etcd     adds further programs to it
#   timescaledb.sh new-cluster NAME       makes an empty database cluster, its own data directory and port
#   timescaledb.sh start [NAME]           makes it if missing, starts it, prints its URL
#   timescaledb.sh stop [NAME] [MODE]     stops it; MODE is pg_ctl's: fast (default), immediate (a crash), smart
#   timescaledb.sh drop [NAME]            stops it and deletes its data
#   timescaledb.sh sweep                  drops clusters whose owner (OWNER_PID at their creation) is gone
#   timescaledb.sh exec PROGRAM ARG...    runs a program of the root file system
#
# Debian 13 has TimescaleDB packages and Debian 12 has not, so they live in a root file system of their own, below
# the build directory. PGANALYTICS_TEST_ROOT puts it elsewhere. Needs root (debootstrap, chroot).
# Messages go to stderr, results to stdout.
set -euo pipefail

readonly SUITE=trixie
readonly PG=/usr/lib/postgresql/17/bin
readonly RECIPE=1 # raise it when a prepared root file system has to be made anew

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${CARGO_TARGET_DIR:-$here/../target}
root=${PGANALYTICS_TEST_ROOT:-$build/timescaledb}

say() { printf 'timescaledb: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Runs a program inside, with nothing of the caller's environment but what downloads need.
inside() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        chroot "$root" "$@"
}
as_postgres() { (cd / && env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 chroot --userspec=postgres:postgres "$root" "$@"); }

# Locks against other callers; the lock ends with this process.
lock() {
    exec 9>"$root.lock"
    flock -n 9 || { say "waiting for another process that prepares $root"; flock 9; }
}

# Whatever a broken run left mounted inside has to go before anything is deleted.
unmount_all() {
    local target
    findmnt -rno TARGET | { grep -F "$root/" || true; } | sort -r | while read -r target; do
        umount -l "$target"
    done
}

# The mirror this machine's own apt uses for Debian; empty lets debootstrap take its default.
mirror() {
    apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Identifier: Packages' 2>/dev/null |
        awk -F'|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }'
}

make_base() {
    command -v debootstrap >/dev/null || {
        say 'installing debootstrap'
        { apt-get update && apt-get install -y --no-install-recommends debootstrap debian-archive-keyring; } >"$root.log" 2>&1 ||
            die "cannot install debootstrap, see $root.log"
    }
    say "making a Debian $SUITE root file system in $root (about half a minute)"
    unmount_all
    rm -rf --one-file-system "$root"
    # shellcheck disable=SC2046 # no mirror is no argument
    debootstrap --variant=minbase "$SUITE" "$root" $(mirror) >"$root.log" 2>&1 ||
        die "debootstrap failed, see $root.log"
    # Throw-away data: no fsync per package, no manuals, no server that starts by itself.
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/throw-away"
    printf 'path-exclude=/usr/share/%s/*\n' doc man locale >>"$root/etc/dpkg/dpkg.cfg.d/throw-away"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod +x "$root/usr/sbin/policy-rc.d"
    mkdir -p "$root/etc/postgresql-common"
    echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.conf"
    touch "$root/.base-$RECIPE"
}

# Installs packages inside, also over a half-done installation.
install_inside() {
    cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
    {
        inside dpkg --configure -a &&
            inside apt-get update &&
            inside apt-get install -y --no-install-recommends --fix-broken \
                -o Dpkg::Options::=--force-confold "$@" &&
            inside apt-get clean
    } >>"$root.log" 2>&1 || die "cannot install $*, see $root.log"
}

# A cluster with the extension in template1; new clusters are copies of it.
make_template() {
    local data=/var/lib/pganalytics/template
    say 'making the template of new database clusters'
    rm -rf "${root:?}$data"
    install -d -m 755 "$root/var/lib/pganalytics"
    inside install -d -o postgres -g postgres -m 700 "$data" /var/lib/pganalytics/clusters
    as_postgres "$PG/initdb" -D "$data" -A trust -U postgres --no-sync >>"$root.log" 2>&1 ||
        die "initdb failed, see $root.log"
    cat >>"$root$data/postgresql.conf" <<'CONF'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_preload_libraries = 'timescaledb,pg_stat_statements'
timescaledb.telemetry_level = off
dynamic_shared_memory_type = mmap
shared_buffers = 64MB
max_connections = 60
max_worker_processes = 24
max_wal_size = 512MB
jit = off
CONF
    printf 'CREATE EXTENSION timescaledb;\nCREATE EXTENSION pg_stat_statements;\n' |
        as_postgres "$PG/postgres" --single -j -D "$data" template1 >>"$root.log" 2>&1 ||
        die "cannot create the extensions, see $root.log"
    printf 'CREATE EXTENSION timescaledb;\nCREATE EXTENSION pg_stat_statements;\n' |
        as_postgres "$PG/postgres" --single -j -D "$data" postgres >>"$root.log" 2>&1 ||
        die "cannot create the extensions, see $root.log"
}

is_prepared() { [ -e "$root/.prepared-$RECIPE" ]; }

prepare() {
    is_prepared && return
    [ "$(id -u)" = 0 ] || die 'preparing needs root: run chaos-tests/timescaledb.sh as root once, or set PGANALYTICS_TEST_TIMESCALE_URL'
    lock
    is_prepared && return
    local begun=$SECONDS proxy=''
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    if [ -n "$proxy" ]; then export http_proxy=${http_proxy:-$proxy}; fi
    [ -e "$root/.base-$RECIPE" ] || make_base
    if [ ! -e "$root/.packages-$RECIPE" ]; then
        say 'installing PostgreSQL 17 and TimescaleDB in it (about half a minute)'
        install_inside postgresql-17 postgresql-17-timescaledb
        touch "$root/.packages-$RECIPE"
    fi
    make_template
    touch "$root/.prepared-$RECIPE"
    say "ready after $((SECONDS - begun)) s: $root"
}

add_programs() {
    local packages=() program
    for program in "$@"; do
        case $program in
        promtool) [ -x "$root/usr/bin/promtool" ] || packages+=(prometheus) ;;
        etcd) [ -x "$root/usr/bin/etcdctl" ] && [ -x "$root/usr/bin/etcd" ] || packages+=(etcd-server etcd-client) ;;
        *) die "unknown program $program: promtool or etcd" ;;
        esac
    done
    [ ${#packages[@]} -gt 0 ] || return 0
    lock
    say "installing ${packages[*]}"
    install_inside "${packages[@]}"
}

# --- database clusters ---

checked_name() {
    [[ $1 =~ ^[A-Za-z0-9_.-]+$ && $1 != .* ]] || die "bad name of a cluster: $1"
    printf '%s' "$1"
}
data_of() { printf '/var/lib/pganalytics/clusters/%s' "$1"; }

# A port nobody listens on; outside the range from which the kernel takes ports by itself.
free_port() {
    local port
    for _ in $(seq 100); do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 10000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s' "$port"; return; }
    done
    die 'no free port between 20000 and 29999'
}

new_cluster() {
    local data
    data=$(data_of "$1")
    [ ! -e "$root$data/ready" ] || return 0
    rm -rf "${root:?}$data"
    cp -a "$root/var/lib/pganalytics/template" "$root$data"
    [ -z "${OWNER_PID:-}" ] || echo "$OWNER_PID" >"$root$data/owner"
    touch "$root$data/ready"
}

is_running() { as_postgres "$PG/pg_ctl" -D "$(data_of "$1")" status >/dev/null 2>&1; }

start_cluster() {
    local data port
    data=$(data_of "$1")
    new_cluster "$1"
    if ! is_running "$1"; then
        for _ in 1 2 3 4 5; do
            # A restart keeps the port: clients hold its URL.
            port=$(cat "$root$data/port" 2>/dev/null || free_port)
            if as_postgres "$PG/pg_ctl" -D "$data" -l "$data/server.log" -w -t 60 -o "-p $port" start >/dev/null 2>&1 9>&-; then
                echo "$port" >"$root$data/port"
                break
            fi
            [ ! -e "$root$data/port" ] || break
        done
        is_running "$1" || die "cannot start cluster $1, see $root$data/server.log"
    fi
    echo "postgres://postgres@127.0.0.1:$(cat "$root$data/port")/postgres"
}

stop_cluster() {
    if [ -e "$root$(data_of "$1")" ] && is_running "$1"; then
        as_postgres "$PG/pg_ctl" -D "$(data_of "$1")" -w -t 60 -m "$2" stop >/dev/null
    fi
}

drop_cluster() {
    stop_cluster "$1" immediate
    rm -rf "${root:?}$(data_of "$1")"
}

sweep() {
    local owner
    for owner in "$root"/var/lib/pganalytics/clusters/*/owner; do
        [ -e "$owner" ] || continue
        [ -d "/proc/$(cat "$owner")" ] || drop_cluster "$(basename "$(dirname "$owner")")"
    done
}

mkdir -p "$(dirname "$root")"
root=$(cd "$(dirname "$root")" && pwd)/$(basename "$root")
command=${1:-prepare}
[ $# -eq 0 ] || shift
[ "$command" = prepare ] || is_prepared || prepare
case $command in
prepare) prepare ;;
with) add_programs "$@" ;;
new-cluster) new_cluster "$(checked_name "${1:?name of the cluster}")" ;;
start)
    # A test that was killed could not drop its clusters.
    [ -z "${OWNER_PID:-}" ] || sweep || true
    start_cluster "$(checked_name "${1:-default}")"
    ;;
stop) stop_cluster "$(checked_name "${1:-default}")" "${2:-fast}" ;;
drop) drop_cluster "$(checked_name "${1:-default}")" ;;
sweep) sweep ;;
exec) inside "$@" ;;
*) sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64 ;;
esac

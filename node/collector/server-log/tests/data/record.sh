#!/usr/bin/env bash
# Provokes one event of each class that a server and its standby can show, and keeps its log in every format.
#
#   record.sh MAJOR DIR
#
# leaves DIR/data/log/pg.{log,csv,json}, and a standby's in DIR/standby; excerpt.py makes the fixtures.
set -uo pipefail
MAJOR=$1 DIR=$2
HERE=$(cd "$(dirname "$0")" && pwd)
SERVERS=$HERE/../../../../../chaos-tests/postgres.sh
export PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=postgres PGCONNECT_TIMEOUT=5

PGPORT=$("$SERVERS" start "$MAJOR" "$DIR")
export PGPORT
sql() { psql -X -q -o /dev/null "$@" 2>/dev/null; }
newer() { [ "$MAJOR" -ge "$1" ]; }

query_id='' destinations='stderr,csvlog'
newer 14 && query_id='%Q'
newer 15 && destinations='stderr,csvlog,jsonlog'
cat >>"$DIR/data/postgresql.conf" <<CONF
logging_collector = on
log_destination = '$destinations'
log_filename = 'pg.log'
log_rotation_age = 0
log_line_prefix = '%m|%p|%c|%l|%e|%b|%u|%d|%a|%r|$query_id| '
log_timezone = 'UTC'
log_error_verbosity = verbose
log_lock_waits = on
deadlock_timeout = 200ms
log_temp_files = 0
work_mem = '64kB'
log_autovacuum_min_duration = 0
autovacuum_naptime = 1s
log_checkpoints = on
checkpoint_timeout = 30s
max_wal_size = '32MB'
checkpoint_warning = 30s
log_connections = on
log_disconnections = on
track_io_timing = on
archive_mode = on
archive_command = 'false'
max_connections = 10
superuser_reserved_connections = 2
max_locks_per_transaction = 10
max_slot_wal_keep_size = '1MB'
CONF
newer 14 && echo "compute_query_id = on" >>"$DIR/data/postgresql.conf"
{
    echo "host all app_locked_out 127.0.0.1/32 reject"
    echo "host all app_password 127.0.0.1/32 scram-sha-256"
    cat "$DIR/data/pg_hba.conf"
} >"$DIR/hba" && cat "$DIR/hba" >"$DIR/data/pg_hba.conf"
"$SERVERS" stop "$MAJOR" "$DIR"
PGPORT=$("$SERVERS" start "$MAJOR" "$DIR")

# Objects.
sql <<'SQL'
CREATE ROLE app_user LOGIN; CREATE ROLE app_single LOGIN CONNECTION LIMIT 0;
CREATE ROLE app_locked_out LOGIN; CREATE ROLE app_password LOGIN PASSWORD 'right';
CREATE TABLE customer (id int PRIMARY KEY, email text NOT NULL, age int CHECK (age >= 0), during int4range,
  UNIQUE (email), EXCLUDE USING gist (during WITH &&));
CREATE TABLE invoice (id int PRIMARY KEY, customer_id int REFERENCES customer);
INSERT INTO customer VALUES (1, 'ada@example.com', 36, '[1,10)'), (2, 'bob@example.com', 40, '[10,20)');
CREATE TABLE account (id int PRIMARY KEY, balance int); INSERT INTO account VALUES (1, 100), (2, 100);
CREATE TABLE busy (id int, pad text) WITH (autovacuum_vacuum_threshold = 10, autovacuum_analyze_threshold = 10);
INSERT INTO busy SELECT i, repeat('x', 100) FROM generate_series(1, 2000) i; DELETE FROM busy WHERE id % 2 = 0;
CREATE TABLE slow_vacuum (id int, pad text) WITH (autovacuum_vacuum_threshold = 10, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
CREATE TABLE torn (id int, pad text); INSERT INTO torn SELECT i, repeat('x', 100) FROM generate_series(1, 200) i;
CREATE FUNCTION fail_in_depth() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 / 0;
  RETURN 1;
END $$;
SQL

# Errors of statements.
sql -v ON_ERROR_STOP=0 "dbname=postgres application_name=shop" <<'SQL'
SELEC 1;
SELECT * FROM missing_table WHERE note = 'it''s secret';
SELECT missing_column FROM customer;
SELECT missing_function(1);
SELECT 'secret-7'::int;
SELECT id,
	email -- the address
  FROM customer
 WHERE email = 'ada@example.com' AND 1/0 = 1;
SELECT fail_in_depth();
DO $$ BEGIN RAISE EXCEPTION 'order % is closed', 4711 USING HINT = 'Open it again.', DETAIL = 'It was closed by "bob".'; END $$;
DO $$ BEGIN RAISE WARNING 'stock is low'; EXECUTE 'SELECT * FROM nowhere'; END $$;
INSERT INTO customer VALUES (1, 'eve@example.com', 1, NULL);
INSERT INTO customer VALUES (3, NULL, 1, NULL);
INSERT INTO customer VALUES (3, 'eve@example.com', -1, NULL);
INSERT INTO customer VALUES (3, 'eve@example.com', 1, '[5,6)');
INSERT INTO invoice VALUES (1, 99);
BEGIN; SELECT 1/0; SELECT 1; ROLLBACK;
SET statement_timeout = '100ms'; SELECT pg_sleep(5); RESET statement_timeout;
BEGIN READ ONLY; DELETE FROM customer; ROLLBACK;
COPY invoice FROM stdin;
12	secret
\.
SET client_encoding = 'UTF8'; SELECT * FROM "Größe – ☃";
DO $$ BEGIN FOR i IN 1..3000 LOOP EXECUTE format('CREATE TABLE many_%s ()', i); END LOOP; END $$;
SQL
sql "user=app_user dbname=postgres" -c 'SELECT * FROM customer'
sql -c "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
PGCLIENTENCODING=LATIN1 sql "dbname=latin" -c "$(printf 'SELECT * FROM caf\xe9_missing')"

# Locks.
for pair in "1 2" "2 1"; do
    read -r a b <<<"$pair"
    sql "dbname=postgres application_name=transfer" -c \
        "BEGIN; UPDATE account SET balance = balance - 10 WHERE id = $a; SELECT pg_sleep(1); UPDATE account SET balance = balance + 10 WHERE id = $b; COMMIT" &
done
wait
sql -c "BEGIN; LOCK TABLE account; SELECT pg_sleep(2.5); COMMIT" &
sleep 0.5
sql -c "SELECT 'secret', * FROM account" &
sql -c "SET lock_timeout = '500ms'; SELECT * FROM account"
sql -c "BEGIN; LOCK TABLE account NOWAIT"
wait
sql -c "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM account; SELECT pg_sleep(1); UPDATE account SET balance = 1; COMMIT" &
sleep 0.4
sql -c "UPDATE account SET balance = 2"
wait

# Sessions.
sql "user=nobody_here dbname=postgres" -c 'SELECT 1'
sql "dbname=no_such_database" -c 'SELECT 1'
sql "user=app_locked_out dbname=postgres" -c 'SELECT 1'
PGPASSWORD=wrong sql "user=app_password dbname=postgres" -c 'SELECT 1'
sql "user=app_single dbname=postgres" -c 'SELECT 1'
for _ in $(seq 1 12); do sql "user=app_user dbname=postgres" -c 'SELECT pg_sleep(1.5)' & done
wait
(echo "SET idle_in_transaction_session_timeout = '200ms'; BEGIN; SELECT 1;"; sleep 1; echo "SELECT 1;") | sql
newer 14 && (echo "SET idle_session_timeout = '200ms'; SELECT 1;"; sleep 1; echo "SELECT 1;") | sql
newer 17 && (echo "SET transaction_timeout = '200ms'; BEGIN; SELECT 1;"; sleep 1; echo "SELECT 1;") | sql
PGAPPNAME=victim sql -c "SELECT pg_sleep(20)" &
sleep 0.5
sql -c "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'"
PGAPPNAME=victim sql -c "SELECT pg_sleep(20)" &
sleep 0.5
sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'"
wait
(echo "BEGIN; SELECT 1;"; sleep 20) | exec psql -X -q -o /dev/null &
sleep 0.7
kill -9 $! 2>/dev/null
psql_pid=$(pgrep -f "^psql -X -q -o /dev/null$" | head -1)
[ -n "$psql_pid" ] && tr '\0' '\n' <"/proc/$psql_pid/environ" | grep -qx "PGPORT=$PGPORT" && kill -9 "$psql_pid"

# Work that is logged.
sql -c "SELECT count(*) FROM (SELECT i FROM generate_series(1, 200000) i ORDER BY i DESC) s"
PGOPTIONS="-c log_min_duration_statement=0" sql -c "SELECT pg_sleep(0.1), 'secret'"
PGOPTIONS="-c log_statement=all -c log_duration=on" sql -c "SELECT 'secret', 42"
printf '\\set id 1\nSELECT balance FROM account WHERE id = :id;\n' >"$DIR/bench.sql"
PGOPTIONS="-c log_min_duration_statement=0" pgbench -n -t 1 -M prepared -f "$DIR/bench.sql" >/dev/null 2>&1
for format in text json; do
    PGOPTIONS="-c auto_explain.log_min_duration=0 -c auto_explain.log_format=$format -c auto_explain.log_verbose=on -c auto_explain.log_analyze=on" \
        sql -c "SELECT c.email, count(*) FROM customer c JOIN invoice i ON i.customer_id = c.id WHERE c.email LIKE 'a%' GROUP BY 1"
done

# Maintenance.
sql -c "INSERT INTO slow_vacuum SELECT i, repeat('x', 500) FROM generate_series(1, 5000) i; DELETE FROM slow_vacuum"
sleep 3
sql -c "BEGIN; LOCK TABLE slow_vacuum; COMMIT"
sql -c "SELECT pg_create_physical_replication_slot('left_behind', true)"
for _ in 1 2 3 4; do
    sql -c "CREATE TABLE filler AS SELECT i, repeat('x', 400) FROM generate_series(1, 60000) i" -c "DROP TABLE filler" -c "SELECT pg_switch_wal()"
done
sql -c "CHECKPOINT"; sql -c "CHECKPOINT"
sql -c "CREATE SUBSCRIPTION orders_in CONNECTION 'host=127.0.0.1 port=1 dbname=x' PUBLICATION p WITH (connect = false)" \
    -c "ALTER SUBSCRIPTION orders_in ENABLE"
sql -c "ALTER SYSTEM SET random_page_cost = 1.1" -c "ALTER SYSTEM SET max_connections = 11" -c "SELECT pg_reload_conf()"
sleep 1
echo "work_mem = 'much'" >>"$DIR/data/postgresql.conf"; sql -c "SELECT pg_reload_conf()"
sleep 1
sed -i '$d' "$DIR/data/postgresql.conf"
sql -c "ALTER SUBSCRIPTION orders_in DISABLE"

# A page is damaged, then a process is killed: crash recovery.
torn=$(psql -X -q -At -c "SELECT pg_relation_filepath('torn')")
sql -c "CHECKPOINT"
printf 'garbage-garbage-garbage-' | dd of="$DIR/data/$torn" bs=1 seek=8192 conv=notrunc 2>/dev/null
pid_file=$DIR/victim
(echo "SELECT pg_backend_pid();"; sleep 0.2; echo "SELECT pg_sleep(30) /* killed */;") | psql -X -q -At -o "$pid_file" 2>/dev/null &
sleep 1
kill -9 "$(head -1 "$pid_file")"
sleep 3
sql -c "SELECT count(*) FROM torn"
sleep 2
kill -INT "$(head -1 "$DIR/data/postmaster.pid")"
for _ in $(seq 1 100); do
    [ -e "$DIR/data/postmaster.pid" ] || break
    sleep 0.2
done

# A standby: a copy of the stopped server. It loses queries to replay, then its primary.
STANDBY=$DIR/standby
mkdir -p "$STANDBY" && chmod 0777 "$STANDBY" && cp -a "$DIR/data" "$STANDBY/data" && rm -rf "$STANDBY/data/log"
PGPORT=$("$SERVERS" start "$MAJOR" "$DIR")
primary=$PGPORT
cat >>"$STANDBY/data/postgresql.conf" <<CONF
primary_conninfo = 'host=127.0.0.1 port=$primary user=postgres'
max_standby_streaming_delay = '300ms'
hot_standby_feedback = off
CONF
newer 14 && echo "log_recovery_conflict_waits = on" >>"$STANDBY/data/postgresql.conf"
touch "$STANDBY/data/standby.signal" && chown --reference="$STANDBY/data" "$STANDBY/data/standby.signal"
sql -c "CREATE TABLE replayed AS SELECT i FROM generate_series(1, 1000) i"
standby=$("$SERVERS" start "$MAJOR" "$STANDBY")
sleep 1
PGPORT=$standby sql -c "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM replayed; SELECT pg_sleep(5)" &
sleep 0.5
sql -c "DELETE FROM replayed" -c "VACUUM replayed"
wait
PGPORT=$standby sql -c "BEGIN; SELECT count(*) FROM replayed; SELECT pg_sleep(5)" &
sleep 0.5
sql -c "ALTER TABLE replayed ADD note text"
wait
"$SERVERS" stop "$MAJOR" "$DIR"
sleep 1
PGPORT=$standby sql -c "SELECT pg_promote()"
sleep 1
"$SERVERS" stop "$MAJOR" "$STANDBY"

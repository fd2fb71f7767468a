-- Sums of the statements of a collector over spans of time (begin in Unix seconds), and up to when they are made.
CREATE TABLE IF NOT EXISTS metrics.query_rollups (
    collector_id uuid NOT NULL,
    seconds integer NOT NULL,
    start bigint NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (collector_id, seconds, start)
);
-- They are packed already.
ALTER TABLE metrics.query_rollups ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE TABLE IF NOT EXISTS metrics.query_rollup_marks (
    collector_id uuid PRIMARY KEY,
    sealed bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS metrics_pg_stats_query_long
    ON public.metrics_pg_stats_query (collector_id, time) WHERE interval_seconds > 360;

-- Values of a column of a charted table over an hour or a day (begin in Unix seconds) by database; whole rows have
-- no column. And which hours are sealed: from since to before sealed; those before frozen stay as they are.
CREATE TABLE IF NOT EXISTS metrics.series_rollups (
    collector_id uuid NOT NULL,
    table_name text NOT NULL,
    seconds integer NOT NULL,
    start bigint NOT NULL,
    database_name text NOT NULL,
    column_name text NOT NULL,
    n bigint NOT NULL,
    total double precision,
    least double precision,
    most double precision,
    PRIMARY KEY (collector_id, table_name, seconds, start, database_name, column_name)
);
CREATE TABLE IF NOT EXISTS metrics.series_rollup_marks (
    collector_id uuid NOT NULL,
    table_name text NOT NULL,
    since bigint NOT NULL,
    sealed bigint NOT NULL,
    frozen bigint NOT NULL,
    PRIMARY KEY (collector_id, table_name)
);

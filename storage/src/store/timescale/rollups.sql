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

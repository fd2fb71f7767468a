-- The hourly roll-up that dashboards read, from differences: what happened in the hour, not since the last reset.
-- Here and below `min_time` and `max_time` are the least and the greatest mean of one interval: the server's own are of
-- all time since its statistics began.
CREATE OR REPLACE VIEW public.metrics_pg_stats_query_1h AS
SELECT
    hour AS time, hour, collector_id, database_name, user_name, query_hash, query_text,
    calls, total_time,
    CASE WHEN calls > 0 THEN total_time / calls ELSE 0 END AS mean_time,
    min_time, max_time, rows,
    shared_blks_hit, shared_blks_read, shared_blks_dirtied, shared_blks_written,
    blk_read_time, blk_write_time,
    calls AS total_calls,
    CASE WHEN calls > 0 THEN total_time / calls ELSE 0 END AS avg_mean_time,
    max_time AS max_max_time,
    min_time AS min_min_time,
    rows AS total_rows,
    shared_blks_hit::double precision / samples AS avg_cache_hits,
    shared_blks_read::double precision / samples AS avg_cache_reads
FROM (
    SELECT
        time_bucket(interval '1 hour', time) AS hour,
        collector_id, database_name, user_name, query_hash,
        last(query_text, time) AS query_text,
        count(*) AS samples,
        sum(calls_delta)::bigint AS calls,
        sum(total_time_delta) AS total_time,
        min(total_time_delta / nullif(calls_delta, 0)) AS min_time,
        max(total_time_delta / nullif(calls_delta, 0)) AS max_time,
        sum(rows_delta)::bigint AS rows,
        sum(shared_blks_hit_delta)::bigint AS shared_blks_hit,
        sum(shared_blks_read_delta)::bigint AS shared_blks_read,
        sum(shared_blks_dirtied_delta)::bigint AS shared_blks_dirtied,
        sum(shared_blks_written_delta)::bigint AS shared_blks_written,
        sum(blk_read_time_delta) AS blk_read_time,
        sum(blk_write_time_delta) AS blk_write_time
    FROM public.metrics_pg_stats_query
    WHERE calls_delta IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5
) AS hourly;

CREATE OR REPLACE VIEW public.v_top_slow_queries_24h AS
SELECT collector_id, database_name, user_name, query_hash, last(query_text, time) AS query_text,
    sum(calls_delta)::bigint AS calls, sum(total_time_delta) AS total_time,
    coalesce(sum(total_time_delta) / nullif(sum(calls_delta), 0), 0) AS mean_time,
    max(total_time_delta / nullif(calls_delta, 0)) AS max_time
FROM public.metrics_pg_stats_query
WHERE time > now() - interval '24 hours' AND calls_delta IS NOT NULL
GROUP BY 1, 2, 3, 4 ORDER BY max_time DESC NULLS LAST LIMIT 100;

CREATE OR REPLACE VIEW public.v_top_frequent_queries_24h AS
SELECT collector_id, database_name, user_name, query_hash, last(query_text, time) AS query_text,
    sum(calls_delta)::bigint AS calls, sum(total_time_delta) AS total_time,
    coalesce(sum(total_time_delta) / nullif(sum(calls_delta), 0), 0) AS mean_time,
    max(total_time_delta / nullif(calls_delta, 0)) AS max_time
FROM public.metrics_pg_stats_query
WHERE time > now() - interval '24 hours' AND calls_delta IS NOT NULL
GROUP BY 1, 2, 3, 4 ORDER BY calls DESC LIMIT 100;

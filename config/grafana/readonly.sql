-- The role that Grafana reads with. Whoever may edit dashboards types any SQL, so it may SELECT what dashboards are
-- about and nothing else, and not for long. Run it in the store's database once the nodes have made their tables, as
-- the role that the nodes use: what that role makes later is readable as well. Running it again changes nothing.
--
--   psql --single-transaction --set=ON_ERROR_STOP=1 --file=readonly.sql postgres://…
--
-- Then give it a password, with \password pganalytics_grafana in psql.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pganalytics_grafana') THEN
        CREATE ROLE pganalytics_grafana LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT CONNECTION LIMIT 20;
    END IF;
END $$;

ALTER ROLE pganalytics_grafana SET statement_timeout = '30s';
ALTER ROLE pganalytics_grafana SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE pganalytics_grafana SET lock_timeout = '5s';
ALTER ROLE pganalytics_grafana SET default_transaction_read_only = on;

-- Not pganalytics: the cluster's own state, and elements that were refused.
GRANT USAGE ON SCHEMA metrics, public TO pganalytics_grafana;
GRANT SELECT ON ALL TABLES IN SCHEMA metrics TO pganalytics_grafana;
GRANT SELECT ON public.metrics_pg_stats_query, public.metrics_pg_stats_query_1h, public.v_top_slow_queries_24h,
    public.v_top_frequent_queries_24h TO pganalytics_grafana;
ALTER DEFAULT PRIVILEGES IN SCHEMA metrics GRANT SELECT ON TABLES TO pganalytics_grafana;

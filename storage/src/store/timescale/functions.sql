-- What the views on elements are made of. A client may have sent anything: what does not fit is NULL, never an error.

-- The rows of a list. An element that PostgreSQL cannot read (a text with NUL in it) has none here; it is whole in
-- metrics.elements.
CREATE OR REPLACE FUNCTION metrics.list_rows(body text) RETURNS SETOF jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000 ROWS 100 AS $$
DECLARE
    items jsonb;
BEGIN
    items := body::jsonb -> 'rows';
    IF jsonb_typeof(items) = 'array' THEN
        RETURN QUERY SELECT item FROM jsonb_array_elements(items) AS item WHERE jsonb_typeof(item) = 'object';
    END IF;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN;
END $$;

CREATE OR REPLACE FUNCTION metrics.metric_bigint(value jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value #>> '{}' ~ '^-?[0-9]{1,19}(\.0{1,9})?$' THEN
        CASE WHEN (value #>> '{}')::numeric BETWEEN -9223372036854775808 AND 9223372036854775807
            THEN (value #>> '{}')::numeric::bigint END
    END
$$;

-- Numbers that a double holds for certain: up to 150 digits, and up to 100 after the point.
CREATE OR REPLACE FUNCTION metrics.metric_double(value jsonb) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value #>> '{}' ~ '^-?[0-9]{1,150}(\.[0-9]{1,100})?([eE][-+]?[0-9]{1,2})?$'
        THEN (value #>> '{}')::double precision END
$$;

CREATE OR REPLACE FUNCTION metrics.metric_boolean(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value = 'true' THEN true WHEN value = 'false' THEN false END
$$;

-- A time without a zone is UTC.
CREATE OR REPLACE FUNCTION metrics.metric_time(value jsonb) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET timezone = 'UTC' AS $$
BEGIN
    IF value #>> '{}' ~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:' THEN
        RETURN (value #>> '{}')::timestamptz;
    END IF;
    RETURN NULL;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;

-- Several texts are put one after the other, with commas between.
CREATE OR REPLACE FUNCTION metrics.metric_text(value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE jsonb_typeof(value)
        WHEN 'array' THEN (SELECT string_agg(item #>> '{}', ', ' ORDER BY n)
            FROM jsonb_array_elements(value) WITH ORDINALITY AS items (item, n)
            WHERE jsonb_typeof(item) IN ('string', 'number', 'boolean'))
        WHEN 'object' THEN NULL
        ELSE value #>> '{}'
    END
$$;

-- Files read and written, by who did it, on what and in which manner (pg_stat_io).
-- Times are there only where track_io_timing is on.
SELECT /* aishell */
    backend_type::text AS backend,
    object::text AS object,
    context::text AS context,
    (reads * op_bytes)::float8 AS read_bytes,
    CASE WHEN coalesce(writes, extends) IS NOT NULL THEN (coalesce(writes, 0) + coalesce(extends, 0)) * op_bytes END::float8 AS write_bytes,
    fsyncs::float8 AS fsyncs,
    CASE WHEN pg_catalog.current_setting('track_io_timing')::boolean THEN read_time END::float8 AS read_milliseconds,
    CASE WHEN pg_catalog.current_setting('track_io_timing')::boolean THEN coalesce(write_time, 0) + coalesce(extend_time, 0) END::float8 AS write_milliseconds
FROM pg_catalog.pg_stat_io
WHERE coalesce(reads, 0) + coalesce(writes, 0) + coalesce(extends, 0) + coalesce(fsyncs, 0) > 0

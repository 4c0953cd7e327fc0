-- Files read and written, by who did it, on what and in which manner (pg_stat_io); it counts bytes and the log too.
-- Times are there only where track_io_timing (for the log track_wal_io_timing) is on.
SELECT /* aishell */
    backend_type::text AS backend,
    object::text AS object,
    context::text AS context,
    read_bytes::float8 AS read_bytes,
    CASE WHEN coalesce(writes, extends) IS NOT NULL THEN coalesce(write_bytes, 0) + coalesce(extend_bytes, 0) END::float8 AS write_bytes,
    fsyncs::float8 AS fsyncs,
    CASE WHEN pg_catalog.current_setting(CASE object WHEN 'wal' THEN 'track_wal_io_timing' ELSE 'track_io_timing' END)::boolean THEN read_time END::float8 AS read_milliseconds,
    CASE WHEN pg_catalog.current_setting(CASE object WHEN 'wal' THEN 'track_wal_io_timing' ELSE 'track_io_timing' END)::boolean THEN coalesce(write_time, 0) + coalesce(extend_time, 0) END::float8 AS write_milliseconds
FROM pg_catalog.pg_stat_io
WHERE coalesce(reads, 0) + coalesce(writes, 0) + coalesce(extends, 0) + coalesce(fsyncs, 0) > 0

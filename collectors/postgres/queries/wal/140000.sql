-- What was written to the log since the statistics were reset (pg_stat_wal).
SELECT /* aishell */
    wal_records::float8 AS records,
    wal_fpi::float8 AS full_pages,
    wal_buffers_full::float8 AS buffers_full,
    CASE WHEN pg_catalog.current_setting('track_wal_io_timing')::boolean THEN wal_write_time END::float8 AS write_milliseconds,
    CASE WHEN pg_catalog.current_setting('track_wal_io_timing')::boolean THEN wal_sync_time END::float8 AS sync_milliseconds
FROM pg_catalog.pg_stat_wal

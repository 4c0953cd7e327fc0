-- What was written to the log since the statistics were reset (pg_stat_wal); its times moved to pg_stat_io.
SELECT /* aishell */
    wal.wal_records::float8 AS records,
    wal.wal_fpi::float8 AS full_pages,
    wal.wal_buffers_full::float8 AS buffers_full,
    CASE WHEN timed.io THEN files.write_time END::float8 AS write_milliseconds,
    CASE WHEN timed.io THEN files.fsync_time END::float8 AS sync_milliseconds
FROM
    pg_catalog.pg_stat_wal AS wal,
    (SELECT pg_catalog.current_setting('track_wal_io_timing')::boolean AS io) AS timed,
    (SELECT sum(write_time) AS write_time, sum(fsync_time) AS fsync_time FROM pg_catalog.pg_stat_io WHERE object = 'wal') AS files

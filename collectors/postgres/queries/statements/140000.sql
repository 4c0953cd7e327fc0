-- Cumulative figures of the $1 statements that took most time, without their texts; pg_stat_statements 1.9 and 1.10.
SELECT /* aishell */
    queryid, userid::text, dbid::text, toplevel, calls, total_exec_time, max_exec_time, rows,
    shared_blks_hit, shared_blks_read, temp_blks_written,
    wal_bytes::float8 AS wal_bytes,
    blk_read_time + blk_write_time AS io_milliseconds
FROM pg_stat_statements(false)
ORDER BY total_exec_time DESC
LIMIT $1::int

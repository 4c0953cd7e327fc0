-- Cumulative figures of the $1 statements that took most time, without their texts; pg_stat_statements 1.9 and 1.10. Whether those of
-- other roles are among them is told with them, as rights may change between two readings; so is since when all of them are counted
-- (pg_stat_statements_info).
SELECT /* aishell */
    queryid, userid::text, dbid::text, toplevel, calls, total_exec_time, max_exec_time, rows,
    shared_blks_hit, shared_blks_read, temp_blks_written,
    wal_bytes::float8 AS wal_bytes,
    blk_read_time + blk_write_time AS io_milliseconds,
    (SELECT extract(epoch FROM stats_reset)::float8 FROM pg_stat_statements_info()) AS counted_since,
    (SELECT pg_has_role('pg_read_all_stats', 'USAGE')) AS sees_all
FROM pg_stat_statements(false)
ORDER BY total_exec_time DESC
LIMIT $1::int

-- As before; pg_stat_statements 1.11 and later tell apart the times of shared, local and temporary blocks, and
-- since when each entry is counted: one may be reset, or dropped for want of room and made again.
SELECT /* aishell */
    queryid, userid::text, dbid::text, toplevel, calls, total_exec_time, max_exec_time, rows,
    shared_blks_hit, shared_blks_read, temp_blks_written,
    wal_bytes::float8 AS wal_bytes,
    shared_blk_read_time + shared_blk_write_time AS io_milliseconds,
    extract(epoch FROM stats_since)::float8 AS counted_since,
    (SELECT pg_has_role('pg_read_all_stats', 'USAGE')) AS sees_all
FROM pg_stat_statements(false)
ORDER BY total_exec_time DESC
LIMIT $1::int

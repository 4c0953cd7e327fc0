-- Checkpoints and, on a standby, restart points (pg_stat_checkpointer), the background writer (pg_stat_bgwriter) and what clients'
-- processes wrote themselves (pg_stat_io).
SELECT /* aishell */
    (checkpointer.num_timed + checkpointer.restartpoints_timed)::float8 AS timed,
    (checkpointer.num_requested + checkpointer.restartpoints_req)::float8 AS requested,
    NULL::float8 AS done,
    checkpointer.write_time::float8 AS write_milliseconds,
    checkpointer.sync_time::float8 AS sync_milliseconds,
    checkpointer.buffers_written::float8 AS checkpoint_buffers,
    cleaner.buffers_clean::float8 AS cleaner_buffers,
    clients.writes::float8 AS backend_buffers
FROM
    pg_catalog.pg_stat_checkpointer AS checkpointer,
    pg_catalog.pg_stat_bgwriter AS cleaner,
    (
        SELECT sum(writes) AS writes
        FROM pg_catalog.pg_stat_io
        WHERE backend_type = 'client backend' AND object = 'relation'
    ) AS clients

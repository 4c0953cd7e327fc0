-- Checkpoints, and who wrote buffers (pg_stat_bgwriter).
SELECT /* aishell */
    checkpoints_timed::float8 AS timed,
    checkpoints_req::float8 AS requested,
    NULL::float8 AS done,
    checkpoint_write_time::float8 AS write_milliseconds,
    checkpoint_sync_time::float8 AS sync_milliseconds,
    buffers_checkpoint::float8 AS checkpoint_buffers,
    buffers_clean::float8 AS cleaner_buffers,
    buffers_backend::float8 AS backend_buffers
FROM pg_catalog.pg_stat_bgwriter

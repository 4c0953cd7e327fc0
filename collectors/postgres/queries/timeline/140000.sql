-- The timeline that the server writes or follows: by the name of the log file that it writes; on a standby as of the
-- last restart point. pg_walfile_name, pg_control_checkpoint.
SELECT /* aishell */ CASE WHEN pg_is_in_recovery()
    THEN (SELECT timeline_id FROM pg_control_checkpoint())
    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
END AS timeline

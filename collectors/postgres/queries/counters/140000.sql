-- One row: what all databases have counted, how far the log is, how far a standby is behind, and the limits.
-- pg_stat_database, the functions of WAL and recovery, settings. Positions are bytes since the beginning of the log.
SELECT /* aishell */
    d.*,
    date_part('epoch', clock_timestamp()) AS now,
    date_part('epoch', pg_postmaster_start_time()) AS started_at,
    current_setting('max_connections')::float8 AS max_connections,
    current_setting('superuser_reserved_connections')::float8
        + coalesce(current_setting('reserved_connections', true)::float8, 0) AS reserved_connections,
    r.in_recovery,
    CASE WHEN r.in_recovery
        THEN pg_wal_lsn_diff(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')::float8
        ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8
    END AS wal_position,
    -- A standby that has applied all that it was sent is not behind, however long ago the last transaction was.
    CASE WHEN r.in_recovery THEN
        CASE WHEN pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn()
                AND EXISTS (SELECT FROM pg_stat_get_wal_receiver() AS w WHERE w.pid IS NOT NULL)
            THEN 0
            ELSE date_part('epoch', clock_timestamp() - pg_last_xact_replay_timestamp())
        END
    END AS lag_seconds
FROM (
    SELECT
        sum(numbackends)::float8 AS backends,
        sum(xact_commit)::float8 AS commits,
        sum(xact_rollback)::float8 AS rollbacks,
        sum(blks_hit)::float8 AS blocks_hit,
        sum(blks_read)::float8 AS blocks_read,
        sum(tup_returned)::float8 AS rows_returned,
        sum(tup_fetched)::float8 AS rows_fetched,
        sum(tup_inserted)::float8 AS rows_inserted,
        sum(tup_updated)::float8 AS rows_updated,
        sum(tup_deleted)::float8 AS rows_deleted,
        sum(temp_files)::float8 AS temp_files,
        sum(temp_bytes)::float8 AS temp_bytes,
        sum(deadlocks)::float8 AS deadlocks,
        sum(conflicts)::float8 AS conflicts,
        sum(checksum_failures)::float8 AS checksum_failures,
        sum(active_time)::float8 AS active_milliseconds
    FROM pg_stat_database
) AS d
CROSS JOIN (SELECT pg_is_in_recovery() AS in_recovery) AS r

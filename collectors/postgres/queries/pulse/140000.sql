-- One row: all of `counters`, and the sessions in groups as JSON.
-- Sessions come from the function below pg_stat_activity, because that view looks up two names for each of them; here
-- they are looked up for each group. Only sessions that do something are told apart by who they are and what they run.
-- A text is never cut by characters: that fails for a text of a database with another encoding.
WITH /* aishell */ seen AS MATERIALIZED (
    SELECT
        pid, backend_type, state, wait_event_type, wait_event, usesysid, datid, application_name, query_id, query,
        query_start, xact_start, state_change,
        coalesce(
            -- A logical sender that has nothing to send rests as a physical one does; its event is of another class, and named anew since 17.
            CASE WHEN wait_event_type = 'Activity' OR wait_event IN ('WalSenderWaitForWAL', 'WalSenderWaitForWal') THEN false
                WHEN state IS NOT NULL THEN state IN ('active', 'fastpath function call')
                ELSE wait_event_type IN ('IO', 'IPC', 'LWLock', 'Lock', 'BufferPin')
            END, false) AS busy,
        clock_timestamp() AS now
    FROM pg_stat_get_activity(NULL)
),
groups AS (
    SELECT
        backend_type, state, wait_event_type, wait_event, busy,
        application_name = 'aishell' OR pid = pg_backend_pid() AS own,
        usesysid IS NOT NULL AND datid <> 0 AS client,
        CASE WHEN busy THEN usesysid END AS usesysid,
        CASE WHEN busy THEN datid END AS datid,
        CASE WHEN busy THEN application_name END AS application,
        CASE WHEN busy THEN query_id END AS query_id,
        CASE WHEN busy AND query_id IS NULL AND octet_length(query) <= 4000 THEN query END AS query,
        min(CASE WHEN busy AND query_id IS NOT NULL AND octet_length(query) <= 4000 THEN query END COLLATE "C") AS example,
        count(*) AS sessions,
        date_part('epoch', max(now - query_start)) AS statement_seconds,
        date_part('epoch', max(now - xact_start)) AS transaction_seconds,
        date_part('epoch', max(now - state_change)) AS state_seconds
    FROM seen
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
),
waiting AS MATERIALIZED (SELECT pid, waitstart FROM pg_locks WHERE NOT granted),
rights AS (SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all),
asked AS MATERIALIZED (SELECT sees_all, NOT sees_all OR EXISTS (SELECT FROM seen WHERE wait_event_type = 'Lock') AS look FROM rights)
SELECT
    (SELECT json_agg(json_build_array(
        g.backend_type, g.state, g.wait_event_type, g.wait_event, g.busy, g.own, g.client,
        CASE WHEN g.usesysid IS NOT NULL THEN pg_get_userbyid(g.usesysid) END, b.datname, g.application,
        g.query_id::text, coalesce(g.query, g.example), g.sessions, g.statement_seconds, g.transaction_seconds, g.state_seconds
    )) FROM groups AS g LEFT JOIN pg_database AS b ON b.oid = g.datid)::text AS groups,
    asked.sees_all,
    CASE WHEN asked.look THEN (SELECT count(DISTINCT pid) FROM waiting) ELSE 0 END::float8 AS lock_waiters,
    CASE WHEN asked.look THEN (SELECT date_part('epoch', clock_timestamp() - min(waitstart)) FROM waiting) END AS lock_wait_seconds,
    c.*
FROM asked CROSS JOIN (
    SELECT
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
) AS c

-- Where this standby takes the log from and how far it is (pg_stat_wal_receiver and the functions of recovery).
-- conninfo is not read, because it may hold more than its reader should see.
SELECT /* aishell */
    receiver.pid,
    receiver.status::text AS state,
    receiver.sender_host::text AS host,
    receiver.sender_port::float8 AS port,
    receiver.slot_name::text AS slot,
    receiver.received_tli::float8 AS timeline,
    extract(epoch FROM receiver.last_msg_receipt_time)::float8 AS message_at,
    pg_catalog.pg_wal_lsn_diff(receiver.latest_end_lsn, own.received)::float8 AS receive_lag_bytes,
    pg_catalog.pg_wal_lsn_diff(greatest(own.received, own.replayed), own.replayed)::float8 AS replay_lag_bytes,
    extract(epoch FROM pg_catalog.now())::float8 AS now,
    extract(epoch FROM pg_catalog.now() - own.replayed_at)::float8 AS replayed_seconds,
    own.pause
FROM
    (
        SELECT
            pg_catalog.pg_last_wal_receive_lsn() AS received,
            pg_catalog.pg_last_wal_replay_lsn() AS replayed,
            pg_catalog.pg_last_xact_replay_timestamp() AS replayed_at,
            CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_get_wal_replay_pause_state() END AS pause
    ) AS own
    LEFT JOIN pg_catalog.pg_stat_wal_receiver AS receiver ON true

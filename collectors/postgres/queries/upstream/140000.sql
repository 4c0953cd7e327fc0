-- Where this standby takes the log from and how far it is (pg_stat_wal_receiver and the functions of recovery).
-- The receiver's conninfo is not read, because it may hold more than its reader should see. While there is no receiver, the setting
-- primary_conninfo says whom the standby is to follow (to pg_read_all_settings): of it nothing leaves the server but host and port.
SELECT /* aishell */
    receiver.pid,
    receiver.status::text AS state,
    coalesce(receiver.sender_host, wanted.host)::text AS host,
    coalesce(receiver.sender_port::text, CASE WHEN wanted.host <> '' AND wanted.port ~ '^\d{1,5}$' THEN wanted.port END)::float8 AS port,
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
    LEFT JOIN LATERAL (
        SELECT
            max(pg_catalog.btrim(pair[2], '''')) FILTER (WHERE pair[1] = 'host') AS host,
            coalesce(max(pg_catalog.btrim(pair[2], '''')) FILTER (WHERE pair[1] = 'port'), '5432') AS port
        FROM
            pg_catalog.pg_settings AS own_setting,
            -- One keyword with its value at a time, as libpq reads them, so that nothing within a password is taken for another one.
            LATERAL pg_catalog.regexp_matches(own_setting.setting, $$(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s\\]|\\.)*)$$, 'g') AS pair
        WHERE own_setting.name = 'primary_conninfo' AND receiver.pid IS NULL
    ) AS wanted ON true

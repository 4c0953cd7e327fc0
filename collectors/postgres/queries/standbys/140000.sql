-- Who takes the log from this server and how far each is (pg_stat_replication); positions are bytes since the log's beginning.
-- In recovery the server's own position is what it has received, because pg_current_wal_lsn is refused there.
SELECT /* aishell */
    peer.pid,
    peer.application_name::text AS name,
    peer.usename::text AS user_name,
    host(peer.client_addr) AS client,
    peer.state::text AS state,
    peer.sync_state::text AS sync,
    peer.sync_priority::float8 AS sync_priority,
    extract(epoch FROM peer.write_lag)::float8 AS write_lag_seconds,
    extract(epoch FROM peer.flush_lag)::float8 AS flush_lag_seconds,
    extract(epoch FROM peer.replay_lag)::float8 AS replay_lag_seconds,
    pg_catalog.pg_wal_lsn_diff(own.position, peer.sent_lsn)::float8 AS sent_lag_bytes,
    pg_catalog.pg_wal_lsn_diff(own.position, peer.write_lsn)::float8 AS write_lag_bytes,
    pg_catalog.pg_wal_lsn_diff(own.position, peer.flush_lsn)::float8 AS flush_lag_bytes,
    pg_catalog.pg_wal_lsn_diff(own.position, peer.replay_lsn)::float8 AS replay_lag_bytes,
    pg_catalog.pg_wal_lsn_diff(peer.replay_lsn, '0/0')::float8 AS replay_position,
    extract(epoch FROM peer.backend_start)::float8 AS connected_at,
    extract(epoch FROM peer.reply_time)::float8 AS reply_at,
    pg_catalog.age(peer.backend_xmin)::float8 AS horizon_age,
    slot.slot_name::text AS slot,
    slot.slot_type::text AS slot_kind,
    pg_catalog.pg_wal_lsn_diff(own.position, '0/0')::float8 AS own_position
FROM
    (
        SELECT
            CASE
                WHEN pg_catalog.pg_is_in_recovery()
                    THEN greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
                ELSE pg_catalog.pg_current_wal_lsn()
            END AS position
    ) AS own
    LEFT JOIN pg_catalog.pg_stat_replication AS peer ON true
    LEFT JOIN pg_catalog.pg_replication_slots AS slot ON slot.active_pid = peer.pid

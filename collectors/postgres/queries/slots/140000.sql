-- Replication slots with the log that is kept for each (pg_replication_slots).
SELECT /* aishell */
    slot_name::text AS name,
    slot_type::text AS kind,
    plugin::text AS plugin,
    database::text AS database,
    temporary,
    active,
    active_pid,
    wal_status::text AS wal_status,
    safe_wal_size::float8 AS safe_bytes,
    pg_catalog.pg_wal_lsn_diff(own.position, restart_lsn)::float8 AS retained_bytes,
    pg_catalog.pg_wal_lsn_diff(own.position, confirmed_flush_lsn)::float8 AS unconfirmed_bytes,
    pg_catalog.age(xmin)::float8 AS xmin_age,
    pg_catalog.age(catalog_xmin)::float8 AS catalog_xmin_age,
    two_phase,
    NULL::boolean AS conflicting,
    NULL::float8 AS inactive_seconds,
    NULL::text AS invalidation_reason,
    NULL::boolean AS failover,
    NULL::boolean AS synced
FROM
    pg_catalog.pg_replication_slots,
    (
        SELECT
            CASE
                WHEN pg_catalog.pg_is_in_recovery()
                    THEN greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
                ELSE pg_catalog.pg_current_wal_lsn()
            END AS position
    ) AS own

-- How old the oldest unfrozen transaction and multixact ids are (pg_database), how many transactions the horizon of vacuum is behind
-- (pg_stat_activity, pg_replication_slots, pg_prepared_xacts) and how many prepared transactions are open.
-- A running VACUUM has an xmin that holds nothing back (PROC_IN_VACUUM), so those in pg_stat_progress_vacuum are left out;
-- so has a slot that is lost. A standby replays transactions that were prepared, and does not list them.
SELECT /* aishell */
    ids.xid_age,
    ids.multixact_age,
    coalesce(greatest(sessions.age, slots.age, prepared.age), 0)::float8 AS horizon_age,
    prepared.count AS prepared_transactions
FROM
    (
        SELECT max(pg_catalog.age(datfrozenxid))::float8 AS xid_age, max(pg_catalog.mxid_age(datminmxid))::float8 AS multixact_age
        FROM pg_catalog.pg_database
    ) AS ids,
    (
        SELECT max(greatest(pg_catalog.age(backend_xmin), pg_catalog.age(backend_xid))) AS age
        FROM pg_catalog.pg_stat_activity
        WHERE
            (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
            AND pid <> pg_catalog.pg_backend_pid()
            AND pid NOT IN (SELECT pid FROM pg_catalog.pg_stat_progress_vacuum)
    ) AS sessions,
    (
        SELECT max(greatest(pg_catalog.age(xmin), pg_catalog.age(catalog_xmin))) AS age
        FROM pg_catalog.pg_replication_slots
        WHERE wal_status IS DISTINCT FROM 'lost'
    ) AS slots,
    (
        SELECT max(pg_catalog.age(transaction)) AS age, CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN count(*) END::float8 AS count
        FROM pg_catalog.pg_prepared_xacts
    ) AS prepared

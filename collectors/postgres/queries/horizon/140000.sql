-- What keeps vacuum from removing dead row versions, oldest first: sessions and standbys by their xmin (pg_stat_activity), slots
-- (pg_replication_slots), prepared transactions (pg_prepared_xacts). A running VACUUM holds nothing back (PROC_IN_VACUUM),
-- nor does a slot that is lost, though it shows an xmin.
SELECT /* aishell */ holders.*
FROM
    (
        SELECT
            CASE session.backend_type WHEN 'walsender' THEN 'standby' ELSE 'session' END AS kind,
            session.pid::text AS id,
            session.application_name::text AS name,
            session.usename::text AS user_name,
            session.datname::text AS database,
            session.state::text AS state,
            greatest(pg_catalog.age(session.backend_xmin), pg_catalog.age(session.backend_xid))::float8 AS transactions,
            extract(epoch FROM pg_catalog.clock_timestamp() - session.xact_start)::float8 AS seconds,
            session.query::text AS text
        FROM pg_catalog.pg_stat_activity AS session
        WHERE
            (session.backend_xmin IS NOT NULL OR session.backend_xid IS NOT NULL)
            AND session.pid <> pg_catalog.pg_backend_pid()
            AND session.pid NOT IN (SELECT pid FROM pg_catalog.pg_stat_progress_vacuum)
        UNION ALL
        SELECT
            'slot', slot_name::text, slot_type::text, NULL, database::text,
            CASE
                WHEN xmin IS NULL THEN 'catalogs only'
                WHEN active THEN 'active'
                ELSE 'inactive'
            END,
            greatest(pg_catalog.age(xmin), pg_catalog.age(catalog_xmin))::float8, NULL, NULL
        FROM pg_catalog.pg_replication_slots
        WHERE (xmin IS NOT NULL OR catalog_xmin IS NOT NULL) AND wal_status IS DISTINCT FROM 'lost'
        UNION ALL
        SELECT
            'prepared transaction', gid::text, NULL, owner::text, database::text, 'prepared',
            pg_catalog.age(transaction)::float8, extract(epoch FROM pg_catalog.clock_timestamp() - prepared)::float8, NULL
        FROM pg_catalog.pg_prepared_xacts
    ) AS holders
ORDER BY holders.transactions DESC, holders.seconds DESC NULLS LAST
LIMIT 100

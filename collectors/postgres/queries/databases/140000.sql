-- The size of each database (pg_database_size, which is refused without CONNECT or pg_read_all_stats: unknown then).
SELECT /* aishell */
    datname::text AS name,
    CASE
        WHEN
            pg_catalog.has_database_privilege(oid, 'CONNECT')
            OR pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
            THEN pg_catalog.pg_database_size(oid)
    END::float8 AS bytes
FROM pg_catalog.pg_database
ORDER BY bytes DESC NULLS LAST

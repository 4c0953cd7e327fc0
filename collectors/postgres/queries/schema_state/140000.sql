-- What is wrong with the schema of this database: indexes whose building failed, and those of
-- partitioned tables that a partition lacks (pg_index), foreign keys of tables from 10 MB on that no
-- index begins with (pg_constraint), and roles whose password expires within 14 days (pg_roles).
SELECT /* aishell */
    (
        SELECT count(*)::float8
        FROM pg_catalog.pg_index AS own
        INNER JOIN pg_catalog.pg_class AS main ON main.oid = own.indexrelid AND main.relkind IN ('i', 'I')
        WHERE NOT own.indisvalid
    ) AS invalid_indexes,
    (
        SELECT count(*)::float8
        FROM pg_catalog.pg_constraint AS held
        INNER JOIN pg_catalog.pg_class AS main ON main.oid = held.conrelid AND main.relpages >= 1280
        WHERE
            held.contype = 'f'
            AND NOT EXISTS (
                SELECT
                FROM pg_catalog.pg_index AS own
                WHERE
                    own.indrelid = held.conrelid AND own.indisvalid AND own.indpred IS NULL
                    AND (own.indkey::int2[])[0:cardinality(held.conkey) - 1] @> held.conkey
            )
    ) AS bare_foreign_keys,
    (
        SELECT count(*)::float8
        FROM pg_catalog.pg_roles
        WHERE rolcanlogin AND rolvaliduntil > pg_catalog.now() AND rolvaliduntil < pg_catalog.now() + interval '14 days'
    ) AS expiring_roles

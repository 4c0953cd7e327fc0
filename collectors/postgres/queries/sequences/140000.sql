-- The fullest sequences that do not begin anew (pg_sequence), at most $1 of them and none that is less than half used, and how many the
-- role may not read. One that fills a column ends with the column's type. Those that somebody changes are left out: to read
-- the last value takes a lock like a row's writer, and waits; so are those that a replica has not.
WITH /* aishell */ locked AS MATERIALIZED (
    SELECT locks.relation
    FROM pg_catalog.pg_locks AS locks
    WHERE
        locks.locktype = 'relation'
        AND locks.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        AND locks.database IN (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
),

numbered AS MATERIALIZED (
    SELECT
        own.seqrelid,
        space.nspname::text AS schema,
        main.relname::text AS name,
        own.seqincrement > 0 AS rises,
        own.seqmin::float8 AS least,
        own.seqmax::float8 AS most,
        pg_catalog.has_sequence_privilege(own.seqrelid, 'USAGE, SELECT') AS told
    FROM
        pg_catalog.pg_sequence AS own
        INNER JOIN pg_catalog.pg_class AS main ON main.oid = own.seqrelid
        INNER JOIN pg_catalog.pg_namespace AS space ON space.oid = main.relnamespace
    WHERE
        NOT own.seqcycle
        AND main.relpersistence <> 't'
        AND (main.relpersistence = 'p' OR NOT pg_catalog.pg_is_in_recovery())
        AND own.seqrelid NOT IN (SELECT relation FROM locked)
),

bounded AS (
    SELECT
        numbered.seqrelid, numbered.schema, numbered.name, numbered.told, numbered.rises, numbered.least, numbered.most,
        CASE WHEN told THEN pg_catalog.pg_sequence_last_value(seqrelid) END::float8 AS last_value,
        (
            SELECT min(CASE attribute.atttypid WHEN 'pg_catalog.int2'::regtype THEN 32767 WHEN 'pg_catalog.int4'::regtype THEN 2147483647 END)
            FROM pg_catalog.pg_depend AS owned
            INNER JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = owned.refobjid AND attribute.attnum = owned.refobjsubid
            WHERE
                owned.classid = 'pg_catalog.pg_class'::regclass AND owned.objid = numbered.seqrelid
                AND owned.refclassid = 'pg_catalog.pg_class'::regclass AND owned.refobjsubid > 0 AND owned.deptype IN ('a', 'i')
        )::float8 AS type_most
    FROM numbered
),

used AS (
    SELECT
        schema,
        name,
        told,
        CASE
            WHEN rises THEN (last_value - least) / nullif(least(most, type_most) - least, 0)
            ELSE (most - last_value) / nullif(most - greatest(least, -type_most - 1), 0)
        END AS usage
    FROM bounded
)

SELECT schema || '.' || name AS name, usage, 0::float8 AS hidden
FROM (SELECT * FROM used WHERE usage >= 0.5 ORDER BY usage DESC, schema, name LIMIT $1::int) AS fullest
UNION ALL
SELECT min(schema), NULL, count(*)::float8 FROM used WHERE NOT told
ORDER BY usage DESC NULLS LAST

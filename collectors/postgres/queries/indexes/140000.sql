-- All indexes of the tables $1 with sizes and use (pg_index, pg_class and the pg_stat_get functions), and what tells whether two of
-- them do the same work. Expressions and predicates are compared as parse trees without the places in the text where they stood:
-- pg_get_expr would wait for an exclusive lock. $2: whether to measure sizes, which waits for such locks as well.
WITH /* aishell */ locked AS MATERIALIZED (
    SELECT locks.relation
    FROM pg_catalog.pg_locks AS locks
    WHERE
        locks.locktype = 'relation'
        AND locks.mode = 'AccessExclusiveLock'
        AND locks.database IN (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
)

SELECT
    main.oid::int8 AS id,
    own.indrelid::int8 AS table_id,
    main.relname::text AS name,
    method.amname::text AS method,
    main.relpages::float8 AS pages,
    main.reltuples::float8 AS tuples,
    array_to_string(main.reloptions, ' ') AS options,
    busy.locked,
    CASE WHEN $2::boolean AND NOT busy.locked THEN pg_catalog.pg_table_size(main.oid) END::float8 AS bytes,
    pg_catalog.pg_stat_get_numscans(main.oid)::float8 AS scans,
    own.indisunique AS is_unique,
    own.indisprimary AS is_primary,
    own.indisexclusion AS is_exclusion,
    own.indisreplident AS is_identity,
    own.indisvalid AS is_valid,
    own.indisready AS is_ready,
    main.relispartition AS partition,
    EXISTS (SELECT FROM pg_catalog.pg_constraint AS held WHERE held.conindid = main.oid) AS in_constraint,
    main.oid IN (SELECT building.index_relid FROM pg_catalog.pg_stat_progress_create_index AS building) AS building,
    own.indnkeyatts::int AS key_count,
    own.indkey::text AS columns,
    own.indclass::text AS classes,
    own.indcollation::text AS collations,
    own.indoption::text AS orders,
    md5(regexp_replace(own.indexprs::text, ':(stmt_)?location -?\d+', '', 'g')) AS expressions,
    md5(regexp_replace(own.indpred::text, ':(stmt_)?location -?\d+', '', 'g')) AS predicate
FROM
    pg_catalog.pg_index AS own
    INNER JOIN pg_catalog.pg_class AS main ON main.oid = own.indexrelid
    INNER JOIN pg_catalog.pg_am AS method ON method.oid = main.relam
    CROSS JOIN LATERAL (SELECT main.oid IN (SELECT relation FROM locked) AS locked) AS busy
WHERE own.indrelid = ANY($1::oid[]) AND main.relkind = 'i'

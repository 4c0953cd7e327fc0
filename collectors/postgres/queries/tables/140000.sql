-- The largest tables of the connected database ($1: how many) with sizes and use (pg_class and the pg_stat_get functions).
-- The choice goes by pages as of the last vacuum or analyze, by rows where there was none, because measuring means to look at files.
-- Measuring waits for an exclusive lock: where there is one, or $2 is false, the size is that of the last vacuum or analyze.
-- The bytes of a table are what pg_table_size counts: the rows, the two maps, TOAST with its index.
-- What changes and vacuum left is counted where it happens and not replicated: a standby has zeros there, which are unknown.
WITH /* aishell */ own AS MATERIALIZED (
    SELECT NOT pg_catalog.pg_is_in_recovery() AS counts_rows
),

locked AS MATERIALIZED (
    SELECT locks.relation
    FROM pg_catalog.pg_locks AS locks
    WHERE
        locks.locktype = 'relation'
        AND locks.mode = 'AccessExclusiveLock'
        AND locks.database IN (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
),

counted AS MATERIALIZED (
    SELECT
        greatest(
            database.stats_reset,
            least(cleaner.stats_reset, archiver.stats_reset)
        ) AS since
    FROM
        pg_catalog.pg_stat_database AS database,
        pg_catalog.pg_stat_bgwriter AS cleaner,
        pg_catalog.pg_stat_archiver AS archiver
    WHERE database.datname = pg_catalog.current_database()
),

chosen AS MATERIALIZED (
    SELECT
        main.oid,
        main.relname,
        main.relnamespace,
        main.relkind,
        main.relpersistence,
        main.relispartition,
        main.relpages,
        main.reltuples,
        main.relfrozenxid,
        main.reloptions,
        toast.oid AS toast_oid,
        toast.relpages AS toast_pages,
        count(*) OVER () AS known
    FROM
        pg_catalog.pg_class AS main
        LEFT JOIN pg_catalog.pg_class AS toast ON toast.oid = main.reltoastrelid
    WHERE
        main.relkind IN ('r', 'm')
        AND main.relnamespace NOT IN (
            SELECT oid
            FROM pg_catalog.pg_namespace
            WHERE nspname IN ('pg_catalog', 'information_schema')
        )
    ORDER BY
        CASE
            WHEN main.relpages > 0 THEN main.relpages
            ELSE pg_catalog.pg_stat_get_live_tuples(main.oid) / 100
        END + coalesce(toast.relpages, 0) DESC,
        main.oid
    LIMIT $1::bigint
)

SELECT
    chosen.oid::int8 AS id,
    chosen.known::float8 AS known,
    namespace.nspname::text AS schema,
    chosen.relname::text AS name,
    CASE chosen.relkind WHEN 'm' THEN 'materialized view' ELSE 'table' END AS kind,
    chosen.relpersistence::text AS persistence,
    chosen.relispartition AS partition,
    chosen.relpages::float8 AS pages,
    chosen.reltuples::float8 AS tuples,
    coalesce(chosen.toast_pages, 0)::float8 AS toast_pages,
    pg_catalog.age(chosen.relfrozenxid)::float8 AS frozen_age,
    array_to_string(chosen.reloptions, ' ') AS options,
    busy.locked,
    CASE WHEN $2::boolean AND NOT busy.locked THEN pg_catalog.pg_table_size(chosen.oid) END::float8 AS table_bytes,
    CASE WHEN $2::boolean AND NOT busy.locked THEN pg_catalog.pg_relation_size(chosen.oid) END::float8 AS main_bytes,
    CASE
        WHEN chosen.toast_oid IS NULL THEN 0
        WHEN $2::boolean AND NOT busy.locked THEN pg_catalog.pg_relation_size(chosen.toast_oid)
        WHEN chosen.toast_pages > 0 THEN chosen.toast_pages::int8 * pg_catalog.current_setting('block_size')::int8
    END::float8 AS toast_bytes,
    own.counts_rows,
    CASE WHEN own.counts_rows THEN pg_catalog.pg_stat_get_live_tuples(chosen.oid) END::float8 AS live_rows,
    CASE WHEN own.counts_rows THEN pg_catalog.pg_stat_get_dead_tuples(chosen.oid) END::float8 AS dead_rows,
    CASE WHEN own.counts_rows THEN
        pg_catalog.pg_stat_get_tuples_inserted(chosen.oid)
        + pg_catalog.pg_stat_get_tuples_updated(chosen.oid)
        + pg_catalog.pg_stat_get_tuples_deleted(chosen.oid)
    END::float8 AS changes,
    pg_catalog.pg_stat_get_numscans(chosen.oid)::float8 AS scans,
    CASE WHEN own.counts_rows THEN extract(
        epoch FROM greatest(
            pg_catalog.pg_stat_get_last_vacuum_time(chosen.oid), pg_catalog.pg_stat_get_last_autovacuum_time(chosen.oid)
        )
    ) END::float8 AS vacuumed_at,
    CASE WHEN own.counts_rows THEN extract(
        epoch FROM greatest(
            pg_catalog.pg_stat_get_last_analyze_time(chosen.oid), pg_catalog.pg_stat_get_last_autoanalyze_time(chosen.oid)
        )
    ) END::float8 AS analyzed_at,
    extract(epoch FROM counted.since)::float8 AS counted_since,
    pg_catalog.current_setting('block_size')::int AS page_bytes
FROM
    chosen
    INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = chosen.relnamespace
    LEFT JOIN pg_catalog.pg_index AS toast_index ON toast_index.indrelid = chosen.toast_oid AND toast_index.indisvalid
    CROSS JOIN LATERAL (
        SELECT
            chosen.oid IN (SELECT relation FROM locked)
            OR coalesce(chosen.toast_oid IN (SELECT relation FROM locked), false)
            OR coalesce(toast_index.indexrelid IN (SELECT relation FROM locked), false) AS locked
    ) AS busy
    CROSS JOIN own
    LEFT JOIN counted ON true

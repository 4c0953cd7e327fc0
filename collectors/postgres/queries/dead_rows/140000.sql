-- Dead row versions of this database with those of TOAST tables, as the statistics know them (pg_stat_get_dead_tuples), the tables with
-- more of them than autovacuum leaves by default, and those with many that were not vacuumed for ten days. Without a time of it
-- the server's start counts: statistics are lost in a crash. A standby has none of these, as they are not replicated.
SELECT /* aishell */
    coalesce(sum(dead), 0)::float8 AS rows,
    (count(*) FILTER (WHERE relkind <> 't' AND dead > 10000 AND dead > 0.25 * (live + dead)))::float8 AS bloating,
    (count(*) FILTER (WHERE relkind <> 't' AND dead > 10000 AND vacuumed_at < pg_catalog.now() - interval '10 days'))::float8 AS neglected
FROM (
    SELECT
        relkind,
        pg_catalog.pg_stat_get_dead_tuples(oid) AS dead,
        pg_catalog.pg_stat_get_live_tuples(oid) AS live,
        coalesce(
            greatest(pg_catalog.pg_stat_get_last_vacuum_time(oid), pg_catalog.pg_stat_get_last_autovacuum_time(oid)),
            pg_catalog.pg_postmaster_start_time()
        ) AS vacuumed_at
    FROM pg_catalog.pg_class
    WHERE relkind IN ('r', 'm', 't')
) AS tables

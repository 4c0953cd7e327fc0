-- Dead row versions of this database with those of TOAST tables, as the statistics know them (pg_stat_get_dead_tuples).
SELECT /* aishell */ coalesce(sum(pg_catalog.pg_stat_get_dead_tuples(oid)), 0)::float8 AS rows
FROM pg_catalog.pg_class
WHERE relkind IN ('r', 'm', 't')

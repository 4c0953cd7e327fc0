-- Small caches in front of transaction status and the like (pg_stat_slru).
SELECT /* aishell */ name::text AS name, blks_hit::float8 AS hits, blks_read::float8 AS reads
FROM pg_catalog.pg_stat_slru
WHERE blks_hit > 0 OR blks_read > 0

-- What servers that are only compatible have too: pg_stat_database as it has been since 9.2.
SELECT /* aishell */
    sum(numbackends)::float8 AS backends,
    sum(xact_commit)::float8 AS commits,
    sum(xact_rollback)::float8 AS rollbacks,
    sum(blks_hit)::float8 AS blocks_hit,
    sum(blks_read)::float8 AS blocks_read,
    sum(tup_returned)::float8 AS rows_returned,
    sum(tup_fetched)::float8 AS rows_fetched,
    sum(tup_inserted)::float8 AS rows_inserted,
    sum(tup_updated)::float8 AS rows_updated,
    sum(tup_deleted)::float8 AS rows_deleted,
    sum(temp_files)::float8 AS temp_files,
    sum(temp_bytes)::float8 AS temp_bytes,
    sum(deadlocks)::float8 AS deadlocks,
    sum(conflicts)::float8 AS conflicts,
    date_part('epoch', clock_timestamp()) AS now,
    current_setting('max_connections')::float8 AS max_connections
FROM pg_stat_database

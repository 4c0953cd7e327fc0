-- Locks in the shared lock table (pg_locks) against what it has room for: max_locks_per_transaction for each connection and each
-- prepared transaction. Locks that a session keeps to itself (fastpath) and its own virtual transaction take no room there.
SELECT /* aishell */
    count(*)::float8 AS held,
    pg_catalog.current_setting('max_locks_per_transaction')::float8
    * (pg_catalog.current_setting('max_connections')::float8 + pg_catalog.current_setting('max_prepared_transactions')::float8) AS room
FROM pg_catalog.pg_locks
WHERE NOT fastpath AND locktype <> 'virtualxid'

-- Whether a client that hangs up finds a place again: some more than the ones that are kept for superusers must be free.
SELECT /* aishell */ pg_catalog.sum(numbackends) + 5
    < pg_catalog.current_setting('max_connections')::int
    - pg_catalog.current_setting('superuser_reserved_connections')::int
    - coalesce(pg_catalog.current_setting('reserved_connections', true)::int, 0) AS has_room
FROM pg_catalog.pg_stat_database

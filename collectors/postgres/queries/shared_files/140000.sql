-- What no database's size counts: the log (pg_ls_waldir) and the catalogs that all share (pg_tablespace_size).
SELECT /* aishell */
    (SELECT coalesce(sum(size), 0)::float8 FROM pg_catalog.pg_ls_waldir()) AS log_bytes,
    pg_catalog.pg_tablespace_size('pg_global')::float8 AS global_bytes

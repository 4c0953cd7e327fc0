-- Whether this connection is encrypted.
SELECT /* aishell */ ssl AS is_encrypted
FROM pg_catalog.pg_stat_ssl
WHERE pid = pg_catalog.pg_backend_pid()

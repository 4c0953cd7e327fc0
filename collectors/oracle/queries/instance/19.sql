-- The instance that we are connected to, and its database. Times are seconds since 1970 by the server's own clock.
SELECT /* aishell */
    i.version_full AS version,
    i.status AS status,
    i.parallel AS parallel,
    i.archiver AS archiver,
    i.logins AS logins,
    i.blocked AS quiesced,
    ROUND((i.startup_time - DATE '1970-01-01') * 86400) AS startup_local
FROM v$instance i

-- Open transactions of InnoDB with what they hold, the oldest first.
SELECT /* aishell */
    trx_id AS id,
    trx_mysql_thread_id AS session,
    trx_state AS state,
    TIMESTAMPDIFF(MICROSECOND, trx_started, NOW(6)) / 1e6 AS seconds,
    TIMESTAMPDIFF(MICROSECOND, trx_wait_started, NOW(6)) / 1e6 AS wait_seconds,
    trx_rows_locked AS rows_locked,
    trx_rows_modified AS rows_modified,
    trx_isolation_level AS isolation
FROM information_schema.INNODB_TRX
ORDER BY trx_started
LIMIT 2000

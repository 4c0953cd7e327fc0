-- Open transactions with their sessions; those that only read have no number of their own.
SELECT /* aishell */
    t.trx_mysql_thread_id AS id,
    t.trx_isolation_level AS isolation,
    t.trx_rows_modified AS rows_modified,
    TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) AS seconds,
    COALESCE(LEFT(t.trx_query, 1000), p.STATE) AS text,
    p.DB AS `database`
FROM information_schema.INNODB_TRX t
LEFT JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
ORDER BY t.trx_started
LIMIT 500

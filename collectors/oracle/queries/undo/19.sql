-- Undo of open transactions, and what the last hour of statistics says of queries that needed undo.
SELECT /* aishell */
    (SELECT SUM(t.used_ublk) FROM v$transaction t) AS active_blocks,
    (SELECT TO_NUMBER(p.value) FROM v$parameter p WHERE p.name = 'db_block_size') AS block_bytes,
    (SELECT MAX(u.maxquerylen) FROM v$undostat u WHERE u.begin_time > SYSDATE - 1 / 72) AS longest_seconds,
    (SELECT SUM(u.ssolderrcnt) FROM v$undostat u WHERE u.begin_time > SYSDATE - 1 / 24) AS snapshot_errors
FROM dual

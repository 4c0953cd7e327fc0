-- What the shared pool has counted of its statements, those that took most time; texts only where they are asked for.
SELECT /* aishell */
    q.sql_id AS sql_id,
    CASE WHEN :texts = 1 THEN q.sql_text END AS sql_text,
    q.executions AS executions,
    q.elapsed_time / 1000 AS elapsed_milliseconds,
    q.user_io_wait_time / 1000 AS io_milliseconds,
    q.rows_processed AS rows_processed,
    q.buffer_gets AS buffer_gets,
    q.disk_reads AS disk_reads,
    q.con_id AS con_id
FROM v$sqlstats q
WHERE q.executions > 0 AND q.sql_text NOT LIKE '%/* aishell */%'
ORDER BY q.elapsed_time DESC
FETCH FIRST 500 ROWS ONLY

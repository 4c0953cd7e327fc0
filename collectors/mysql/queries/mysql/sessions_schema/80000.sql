-- The sessions by the performance schema: all of them, or those that do something.
SELECT /* aishell */
    t.PROCESSLIST_ID AS id,
    t.THREAD_OS_ID AS os_thread,
    t.PROCESSLIST_USER AS user,
    t.PROCESSLIST_HOST AS host,
    t.PROCESSLIST_DB AS db,
    t.PROCESSLIST_COMMAND AS command,
    t.PROCESSLIST_STATE AS state,
    CASE
        WHEN t.PROCESSLIST_COMMAND IN ('Query', 'Execute') AND s.END_EVENT_ID IS NULL AND s.TIMER_WAIT IS NOT NULL THEN s.TIMER_WAIT / 1e12
        ELSE t.PROCESSLIST_TIME
    END AS seconds,
    s.EVENT_ID AS statement,
    LEFT(COALESCE(t.PROCESSLIST_INFO, s.SQL_TEXT), 8192) AS text,
    s.ROWS_EXAMINED AS rows_examined,
    NULL AS memory_bytes,
    t.THREAD_ID AS thread,
    s.DIGEST AS digest,
    s.TIMER_WAIT / 1e12 AS ran_seconds,
    s.END_EVENT_ID IS NOT NULL AS ended,
    x.TIMER_WAIT / 1e12 AS transaction_seconds,
    t.NAME AS kind
FROM performance_schema.threads AS t
LEFT JOIN performance_schema.events_statements_current AS s ON s.THREAD_ID = t.THREAD_ID AND s.NESTING_EVENT_LEVEL = 0
LEFT JOIN performance_schema.events_transactions_current AS x
    ON x.THREAD_ID = t.THREAD_ID AND x.STATE = 'ACTIVE' AND x.END_EVENT_ID IS NULL AND x.AUTOCOMMIT = 'NO'
WHERE t.PROCESSLIST_ID IS NOT NULL AND (%s OR t.PROCESSLIST_COMMAND <> 'Sleep' OR x.THREAD_ID IS NOT NULL OR FIND_IN_SET(t.PROCESSLIST_ID, %s))

-- Statement digests with their figures, those that were seen since a moment.
SELECT /* aishell */
    SCHEMA_NAME AS db,
    DIGEST AS digest,
    COUNT_STAR AS calls,
    SUM_TIMER_WAIT / 1e9 AS total_milliseconds,
    MAX_TIMER_WAIT / 1e9 AS max_milliseconds,
    NULL AS p95_milliseconds,
    SUM_ERRORS AS errors,
    SUM_ROWS_SENT + SUM_ROWS_AFFECTED AS row_count
FROM performance_schema.events_statements_summary_by_digest
WHERE DIGEST IS NOT NULL AND LAST_SEEN >= FROM_UNIXTIME(%s)
ORDER BY SUM_TIMER_WAIT DESC
LIMIT 10000

-- Totals of statements, transactions and deadlocks since the server started.
SELECT /* aishell */
    SUM(COUNT_STAR) AS statements,
    SUM(SUM_TIMER_WAIT) / 1e9 AS milliseconds,
    SUM(SUM_ERRORS) AS errors,
    SUM(SUM_ROWS_SENT) AS rows_sent,
    SUM(SUM_ROWS_AFFECTED) AS rows_affected
FROM performance_schema.events_statements_summary_global_by_event_name

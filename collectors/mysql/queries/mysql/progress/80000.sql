-- Stages that the server counts; which ones it does is decided by setup_instruments and setup_consumers.
SELECT /* aishell */
    t.PROCESSLIST_ID AS id,
    t.PROCESSLIST_DB AS `database`,
    t.PROCESSLIST_COMMAND AS command,
    s.EVENT_NAME AS stage,
    s.WORK_COMPLETED AS done,
    s.WORK_ESTIMATED AS total,
    t.PROCESSLIST_TIME AS seconds,
    LEFT(t.PROCESSLIST_INFO, 2000) AS text
FROM performance_schema.events_stages_current s
JOIN performance_schema.threads t ON t.THREAD_ID = s.THREAD_ID
WHERE s.WORK_ESTIMATED > 0

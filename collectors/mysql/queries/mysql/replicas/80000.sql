-- The threads that send the binary log to replicas, with what the replica has told of itself.
SELECT /* aishell */
    t.PROCESSLIST_ID AS id,
    t.PROCESSLIST_USER AS user,
    t.PROCESSLIST_HOST AS host,
    t.PROCESSLIST_STATE AS state,
    t.PROCESSLIST_TIME AS seconds,
    (
        SELECT CONVERT(v.VARIABLE_VALUE USING utf8mb4)
        FROM performance_schema.user_variables_by_thread v
        WHERE v.THREAD_ID = t.THREAD_ID AND v.VARIABLE_NAME IN ('slave_uuid', 'replica_uuid')
        LIMIT 1
    ) AS uuid
FROM performance_schema.threads t
WHERE t.PROCESSLIST_COMMAND IN ('Binlog Dump', 'Binlog Dump GTID')
ORDER BY t.PROCESSLIST_ID

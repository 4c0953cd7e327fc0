-- The threads that send the binary log to replicas; without PROCESS none is seen.
SELECT /* aishell */
    ID AS id,
    USER AS user,
    HOST AS host,
    STATE AS state,
    TIME AS seconds,
    NULL AS uuid
FROM information_schema.PROCESSLIST
WHERE COMMAND IN ('Binlog Dump', 'Binlog Dump GTID')
ORDER BY ID

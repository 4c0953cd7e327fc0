-- The sessions by the process list: all of them, or those that do something; a text that was seen before is not sent again.
SELECT /* aishell */
    ID AS id,
    TID AS os_thread,
    USER AS user,
    HOST AS host,
    DB AS db,
    COMMAND AS command,
    STATE AS state,
    TIME_MS / 1000 AS seconds,
    QUERY_ID AS statement,
    CASE WHEN QUERY_ID > %s THEN LEFT(INFO, 8192) END AS text,
    EXAMINED_ROWS AS rows_examined,
    MEMORY_USED AS memory_bytes
FROM information_schema.PROCESSLIST
WHERE %s OR COMMAND <> 'Sleep' OR FIND_IN_SET(ID, %s)

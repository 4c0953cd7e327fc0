-- The sessions by the process list: all of them, or those that do something; a text that was seen before is not sent again.
SELECT /* aishell */
    ID AS id,
    NULL AS os_thread,
    USER AS user,
    HOST AS host,
    DB AS db,
    COMMAND AS command,
    STATE AS state,
    TIME AS seconds,
    NULL AS statement,
    LEFT(INFO, 8192 + 0 * %s) AS text,
    NULL AS rows_examined,
    NULL AS memory_bytes
FROM information_schema.PROCESSLIST
WHERE %s OR COMMAND <> 'Sleep' OR FIND_IN_SET(ID, %s)

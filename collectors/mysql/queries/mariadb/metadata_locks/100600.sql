-- Metadata locks on objects that somebody waits for, where the performance schema counts them.
SELECT /* aishell */
    l.OWNER_THREAD_ID AS thread,
    l.OBJECT_TYPE AS type,
    l.OBJECT_SCHEMA AS `schema`,
    l.OBJECT_NAME AS name,
    l.LOCK_TYPE AS mode,
    l.LOCK_STATUS = 'GRANTED' AS granted
FROM (
    SELECT DISTINCT OBJECT_TYPE, OBJECT_SCHEMA, OBJECT_NAME
    FROM performance_schema.metadata_locks
    WHERE LOCK_STATUS = 'PENDING'
) AS p
STRAIGHT_JOIN performance_schema.metadata_locks AS l
    ON l.OBJECT_TYPE = p.OBJECT_TYPE AND l.OBJECT_SCHEMA <=> p.OBJECT_SCHEMA AND l.OBJECT_NAME <=> p.OBJECT_NAME
LIMIT 5000

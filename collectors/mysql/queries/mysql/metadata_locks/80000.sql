-- Metadata locks on objects that somebody waits for, where the performance schema counts them.
-- What has no schema or no name (a lock by GET_LOCK, the global one) is looked for apart: by its index the table finds no row with
-- a NULL beside a name. The functions keep that part from the index; the other one needs it where there are very many locks.
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
    WHERE LOCK_STATUS = 'PENDING' AND OBJECT_SCHEMA IS NOT NULL AND OBJECT_NAME IS NOT NULL
) AS p
STRAIGHT_JOIN performance_schema.metadata_locks AS l
    ON l.OBJECT_TYPE = p.OBJECT_TYPE AND l.OBJECT_SCHEMA = p.OBJECT_SCHEMA AND l.OBJECT_NAME = p.OBJECT_NAME
UNION ALL
SELECT
    l.OWNER_THREAD_ID,
    l.OBJECT_TYPE,
    l.OBJECT_SCHEMA,
    l.OBJECT_NAME,
    l.LOCK_TYPE,
    l.LOCK_STATUS = 'GRANTED'
FROM (
    SELECT DISTINCT OBJECT_TYPE, OBJECT_SCHEMA, OBJECT_NAME
    FROM performance_schema.metadata_locks
    WHERE LOCK_STATUS = 'PENDING' AND (OBJECT_SCHEMA IS NULL OR OBJECT_NAME IS NULL)
) AS p
STRAIGHT_JOIN performance_schema.metadata_locks AS l
    ON CONCAT(l.OBJECT_TYPE) = p.OBJECT_TYPE
    AND IFNULL(l.OBJECT_SCHEMA, '') = IFNULL(p.OBJECT_SCHEMA, '')
    AND IFNULL(l.OBJECT_NAME, '') = IFNULL(p.OBJECT_NAME, '')
LIMIT 5000

-- The row locks that take part in a wait.
SELECT /* aishell */
    ENGINE_LOCK_ID AS id,
    LOCK_MODE AS mode,
    LOCK_TYPE AS type,
    CONCAT('`', OBJECT_SCHEMA, '`.`', OBJECT_NAME, '`') AS place,
    INDEX_NAME AS `index`,
    LOCK_DATA AS data
FROM performance_schema.data_locks
WHERE LOCK_STATUS = 'WAITING' OR ENGINE_LOCK_ID IN (SELECT BLOCKING_ENGINE_LOCK_ID FROM performance_schema.data_lock_waits)
LIMIT 5000

-- A table that somebody has for himself alone, or waits for: InnoDB's lists of tables would wait for it too.
SELECT /* aishell */
    OBJECT_SCHEMA AS schema_name,
    OBJECT_NAME AS name
FROM performance_schema.metadata_locks
WHERE OBJECT_TYPE = 'TABLE' AND LOCK_TYPE = 'EXCLUSIVE' AND LEFT(OBJECT_NAME, 4) <> '#sql'
LIMIT 1

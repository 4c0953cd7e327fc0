-- Rows that were read or changed by each index since the server began to count; without a name: by none.
SELECT /* aishell */
    OBJECT_SCHEMA AS schema_name,
    OBJECT_NAME AS name,
    INDEX_NAME AS index_name,
    COUNT_STAR AS uses,
    COUNT_FETCH AS fetched
FROM performance_schema.table_io_waits_summary_by_index_usage
WHERE OBJECT_TYPE = 'TABLE' AND (OBJECT_SCHEMA, OBJECT_NAME) IN %s

-- Tables of other engines than InnoDB, as far as the account may know of them.
SELECT /* aishell */
    TABLE_SCHEMA AS schema_name,
    TABLE_NAME AS name,
    ENGINE AS engine,
    TABLE_ROWS AS row_count,
    DATA_LENGTH AS data_bytes,
    INDEX_LENGTH AS index_bytes,
    DATA_FREE AS free_bytes,
    AUTO_INCREMENT AS next_number
FROM information_schema.TABLES
WHERE TABLE_TYPE = 'BASE TABLE'
    AND ENGINE NOT IN ('InnoDB', 'PERFORMANCE_SCHEMA', 'MEMORY')
    AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')
ORDER BY DATA_LENGTH + INDEX_LENGTH DESC
LIMIT %s

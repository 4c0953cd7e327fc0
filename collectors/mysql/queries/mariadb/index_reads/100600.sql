-- Rows that were read by each index, where userstat counts them; an index that nobody has used is not there.
SELECT /* aishell */
    TABLE_SCHEMA AS schema_name,
    TABLE_NAME AS name,
    INDEX_NAME AS index_name,
    ROWS_READ AS uses
FROM information_schema.INDEX_STATISTICS
LIMIT 50000

-- Pages of indexes, and when their statistics were made.
SELECT /* aishell */
    database_name AS schema_name,
    table_name AS name,
    index_name AS index_name,
    stat_value AS pages,
    UNIX_TIMESTAMP(last_update) AS analyzed_at
FROM mysql.innodb_index_stats
WHERE stat_name = 'size' AND (database_name, table_name) IN %s

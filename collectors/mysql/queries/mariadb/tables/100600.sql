-- The tables of these files by InnoDB's dictionary, with those that share the system's file; names as people write them.
SELECT /* aishell */
    TABLE_ID AS id,
    SPACE AS space,
    CONVERT(CONVERT(CAST(SUBSTRING_INDEX(NAME, '/', 1) AS BINARY) USING filename) USING utf8mb4) AS schema_name,
    CONVERT(CONVERT(CAST(SUBSTRING_INDEX(SUBSTRING_INDEX(NAME, '/', -1), '#', 1) AS BINARY) USING filename) USING utf8mb4) AS name,
    SUBSTRING(SUBSTRING_INDEX(NAME, '/', -1), 1 + LENGTH(SUBSTRING_INDEX(SUBSTRING_INDEX(NAME, '/', -1), '#', 1))) AS piece,
    ROW_FORMAT AS row_format
FROM information_schema.INNODB_SYS_TABLES
WHERE (SPACE IN %s OR SPACE = 0)
    AND LOCATE('/', NAME) > 0
    AND SUBSTRING_INDEX(NAME, '/', 1) NOT IN ('mysql', 'sys')

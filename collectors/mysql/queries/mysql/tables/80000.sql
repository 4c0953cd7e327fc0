-- The tables of these files by InnoDB's dictionary, with those that share the system's file.
SELECT /* aishell */
    TABLE_ID AS id,
    SPACE AS space,
    SUBSTRING_INDEX(NAME, '/', 1) AS schema_name,
    SUBSTRING_INDEX(SUBSTRING_INDEX(NAME, '/', -1), '#', 1) AS name,
    SUBSTRING(SUBSTRING_INDEX(NAME, '/', -1), 1 + CHAR_LENGTH(SUBSTRING_INDEX(SUBSTRING_INDEX(NAME, '/', -1), '#', 1))) AS piece,
    ROW_FORMAT AS row_format
FROM information_schema.INNODB_TABLES
WHERE (SPACE IN %s OR SPACE = 0)
    AND LOCATE('/', NAME) > 0
    AND SUBSTRING_INDEX(NAME, '/', 1) NOT IN ('mysql', 'sys')

-- Files of tables, the largest, as the file system tells their size; no table is opened for it. They are named as people write them.
SELECT /* aishell */
    SPACE AS space,
    SUBSTRING_INDEX(NAME, '/', 1) AS schema_name,
    SUBSTRING_INDEX(SUBSTRING_INDEX(NAME, '/', -1), '#', 1) AS name,
    SUBSTRING(SUBSTRING_INDEX(NAME, '/', -1), 1 + CHAR_LENGTH(SUBSTRING_INDEX(SUBSTRING_INDEX(NAME, '/', -1), '#', 1))) AS piece,
    FILE_SIZE AS file_bytes,
    PAGE_SIZE AS page_bytes,
    COUNT(*) OVER () AS known
FROM information_schema.INNODB_TABLESPACES
WHERE LOCATE('/', NAME) > 0 AND SUBSTRING_INDEX(NAME, '/', 1) NOT IN ('mysql', 'sys')
ORDER BY FILE_SIZE DESC
LIMIT %s

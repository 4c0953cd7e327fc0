-- Bytes of the files of each schema; what is in no schema (the system's, undo and temporary files) has none.
SELECT /* aishell */
    CASE WHEN LOCATE('/', NAME) > 0 THEN SUBSTRING_INDEX(NAME, '/', 1) END AS name,
    SUM(FILE_SIZE) AS bytes,
    COUNT(*) AS files
FROM information_schema.INNODB_TABLESPACES
GROUP BY 1

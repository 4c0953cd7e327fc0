-- Bytes of the files of each schema; what is in no schema (the system's and temporary files) has none.
SELECT /* aishell */
    CASE WHEN LOCATE('/', NAME) > 0
        THEN CONVERT(CONVERT(CAST(SUBSTRING_INDEX(NAME, '/', 1) AS BINARY) USING filename) USING utf8mb4)
    END AS name,
    SUM(FILE_SIZE) AS bytes,
    COUNT(*) AS files
FROM information_schema.INNODB_SYS_TABLESPACES
GROUP BY 1

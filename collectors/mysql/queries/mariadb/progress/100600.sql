-- Statements that the server counts in per cent of a stage, and changes of tables also where it does not.
-- What InnoDB tells of a change in place (in hundredths of a per cent) is one figure for the whole server.
SELECT /* aishell */
    ID AS id,
    DB AS `database`,
    COMMAND AS command,
    STATE AS state,
    STAGE AS stage,
    MAX_STAGE AS stages,
    PROGRESS AS percent,
    TIME_MS / 1000 AS seconds,
    LEFT(INFO, 2000) AS text,
    (
        SELECT VARIABLE_VALUE + 0
        FROM information_schema.GLOBAL_STATUS
        WHERE VARIABLE_NAME = 'INNODB_ONLINEDDL_PCT_PROGRESS'
    ) AS in_place
FROM information_schema.PROCESSLIST
WHERE MAX_STAGE > 0
    OR (TIME_MS > 500 AND INFO REGEXP '^[[:space:]]*(ALTER|OPTIMIZE|REPAIR|CHECK|ANALYZE|CREATE[[:space:]]+([[:alpha:]]+[[:space:]]+)?INDEX)[[:space:]]')

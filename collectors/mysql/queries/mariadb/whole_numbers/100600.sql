-- The columns of these tables that hold whole numbers, with their bytes and whether they have a sign.
SELECT /* aishell */
    TABLE_ID AS table_id,
    NAME AS name,
    LEN AS bytes,
    (PRTYPE & 512) <> 0 AS no_sign
FROM information_schema.INNODB_SYS_COLUMNS
WHERE MTYPE = 6 AND TABLE_ID IN %s

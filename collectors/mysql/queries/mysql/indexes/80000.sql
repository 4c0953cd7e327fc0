-- The indexes of these tables; full-text ones have no place of their own.
SELECT /* aishell */
    INDEX_ID AS id,
    TABLE_ID AS table_id,
    NAME AS name,
    TYPE AS kind,
    N_FIELDS AS field_count
FROM information_schema.INNODB_INDEXES
WHERE TABLE_ID IN %s
ORDER BY INDEX_ID

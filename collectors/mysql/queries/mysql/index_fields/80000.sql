-- The columns of these indexes in their order.
SELECT /* aishell */
    INDEX_ID + 0 AS index_id,
    NAME AS name,
    POS AS position
FROM information_schema.INNODB_FIELDS
WHERE INDEX_ID + 0 IN %s
ORDER BY INDEX_ID + 0, POS

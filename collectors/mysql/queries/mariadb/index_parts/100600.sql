-- How much of each column the indexes of one table hold, and in which order.
SELECT /* aishell */
    INDEX_NAME AS index_name,
    SEQ_IN_INDEX AS position,
    COLUMN_NAME AS name,
    SUB_PART AS prefix,
    COLLATION AS direction,
    INDEX_TYPE AS method
FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s
ORDER BY INDEX_NAME, SEQ_IN_INDEX

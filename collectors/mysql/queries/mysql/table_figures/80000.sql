-- Rows, pages and the next number of these tables, as InnoDB estimates them in its memory.
SELECT /* aishell */
    TABLE_ID AS id,
    CASE WHEN STATS_INITIALIZED IN ('1', 'Initialized') THEN 1 ELSE 0 END AS counted,
    NUM_ROWS AS row_count,
    CLUST_INDEX_SIZE AS data_pages,
    OTHER_INDEX_SIZE AS index_pages,
    AUTOINC AS next_number
FROM information_schema.INNODB_TABLESTATS
WHERE TABLE_ID IN %s

-- Rows and pages of these tables as of their last analysis.
SELECT /* aishell */
    database_name AS schema_name,
    table_name AS name,
    n_rows AS row_count,
    clustered_index_size AS data_pages,
    sum_of_other_index_sizes AS index_pages
FROM mysql.innodb_table_stats
WHERE (database_name, table_name) IN %s

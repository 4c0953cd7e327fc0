-- The row locks that take part in a wait.
SELECT /* aishell */
    lock_id AS id,
    lock_mode AS mode,
    lock_type AS type,
    lock_table AS place,
    lock_index AS `index`,
    lock_data AS data
FROM information_schema.INNODB_LOCKS
LIMIT 5000

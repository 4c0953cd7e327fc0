-- The columns that foreign keys begin at; the server wants an index for each of them.
SELECT /* aishell */
    f.ID AS id,
    f.FOR_NAME AS full_name,
    c.FOR_COL_NAME AS name,
    c.POS AS position
FROM information_schema.INNODB_SYS_FOREIGN f
JOIN information_schema.INNODB_SYS_FOREIGN_COLS c ON c.ID = f.ID
ORDER BY f.ID, c.POS
LIMIT 20000

SELECT type, name, tbl_name, rootpage, sql
FROM sqlite_schema
WHERE type IN ('table', 'index')
ORDER BY type DESC, name

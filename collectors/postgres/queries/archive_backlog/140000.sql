-- Log files that wait to be archived: each has a .ready file (pg_ls_archive_statusdir).
SELECT /* aishell */ count(*)::float8 AS files
FROM pg_catalog.pg_ls_archive_statusdir()
WHERE name LIKE '%.ready'

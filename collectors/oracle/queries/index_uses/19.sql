-- How often indexes were used since the server began to watch them.
SELECT /* aishell */ u.owner AS owner, u.name AS name, u.total_access_count AS uses
FROM dba_index_usage u

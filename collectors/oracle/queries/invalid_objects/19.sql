-- Objects of users that have to be compiled anew.
SELECT /* aishell */ COUNT(*) AS objects
FROM dba_objects o
WHERE o.status = 'INVALID' AND o.oracle_maintained = 'N'

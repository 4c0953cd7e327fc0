-- Settings of the server file, which the next start will take; those with several values are left out.
SELECT /* aishell */ s.name AS name, MAX(s.display_value) AS value
FROM v$spparameter s
WHERE s.isspecified = 'TRUE' AND s.sid IN ('*', SYS_CONTEXT('USERENV', 'INSTANCE_NAME'))
GROUP BY s.name
HAVING COUNT(*) = 1

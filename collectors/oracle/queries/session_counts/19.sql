-- How many sessions of clients there are in each status, where only the working ones are read.
SELECT /* aishell */ s.status AS status, COUNT(*) AS sessions, COUNT(s.taddr) AS in_transaction
FROM v$session s
WHERE s.type = 'USER'
GROUP BY s.status

-- The text of one statement in the shared pool, as far as it is shown.
SELECT /* aishell */ DBMS_LOB.SUBSTR(q.sql_fulltext, 4000, 1) AS sql_text
FROM v$sqlstats q
WHERE q.sql_id = :sql_id

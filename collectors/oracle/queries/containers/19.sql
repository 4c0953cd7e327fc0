-- The names of the containers that are seen from here.
SELECT /* aishell */ c.con_id AS con_id, c.name AS name
FROM v$containers c

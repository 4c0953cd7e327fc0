-- Locks that somebody waits for: those that wait and those that are in the way.
SELECT /* aishell */
    l.inst_id AS inst, l.sid AS sid, l.type AS type, l.id1 AS id1, l.id2 AS id2, l.lmode AS held, l.request AS asked, l.ctime AS seconds
FROM gv$lock l
WHERE l.request > 0 OR l.block > 0

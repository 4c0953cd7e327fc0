-- Not `aggregate = TRUE`: that walks the whole tree in one step, which no deadline can interrupt.
SELECT sum(pgsize), sum(unused), count(*), sum(CASE WHEN pagetype = 'leaf' THEN ncell END) FROM dbstat WHERE name = ?

-- Open transactions, the oldest first, with how many commits the database is ahead of their start by its change number.
SELECT /* aishell */
    s.sid AS sid, s.serial# AS serial, s.username AS username, s.program AS program, s.status AS status, s.con_id AS con_id,
    q.sql_text AS sql_text, ROUND((SYSDATE - t.start_date) * 86400) AS seconds, d.current_scn - t.start_scn AS changes,
    t.used_ublk AS undo_blocks, t.used_urec AS undo_records
FROM v$transaction t
JOIN v$session s ON s.saddr = t.ses_addr
CROSS JOIN v$database d
LEFT JOIN v$sqlstats q ON q.sql_id = NVL(s.sql_id, s.prev_sql_id)
ORDER BY t.start_date
FETCH FIRST 50 ROWS ONLY

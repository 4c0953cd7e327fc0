-- What sessions were doing at the newest sample of the active session history, which needs the Diagnostics Pack.
SELECT /* aishell */
    h.session_state AS state, h.wait_class AS wait_class, h.event AS event, h.program AS program, h.module AS module, h.sql_id AS sql_id,
    h.con_id AS con_id, u.username AS username, h.session_type AS type, COUNT(*) AS sessions
FROM v$active_session_history h
LEFT JOIN dba_users u ON u.user_id = h.user_id
WHERE h.sample_id = (SELECT MAX(m.sample_id) FROM v$active_session_history m)
GROUP BY h.session_state, h.wait_class, h.event, h.program, h.module, h.sql_id, h.con_id, u.username, h.session_type

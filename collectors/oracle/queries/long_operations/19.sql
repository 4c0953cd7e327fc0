-- Operations that take longer than six seconds and have not ended.
SELECT /* aishell */
    o.sid AS sid, o.serial# AS serial, o.opname AS opname, o.target AS target, o.target_desc AS target_desc, o.sofar AS sofar,
    o.totalwork AS totalwork, o.units AS units, o.elapsed_seconds AS elapsed_seconds, o.time_remaining AS time_remaining,
    o.message AS message, o.username AS username, o.con_id AS con_id
FROM v$session_longops o
WHERE o.sofar < o.totalwork
    AND EXISTS (SELECT 1 FROM v$session s WHERE s.sid = o.sid AND s.serial# = o.serial# AND s.status <> 'INACTIVE')
ORDER BY o.start_time
FETCH FIRST 100 ROWS ONLY

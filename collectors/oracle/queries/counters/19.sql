-- What the instance has counted since its start: statistics, the time model in milliseconds, waits of clients by class in milliseconds.
SELECT /* aishell */ 'statistic' AS kind, s.name AS name, s.value AS value
FROM v$sysstat s
WHERE s.name IN (
    'user commits', 'user rollbacks', 'execute count', 'user calls', 'logons cumulative', 'opened cursors current',
    'parse count (hard)', 'parse count (failures)', 'session logical reads', 'consistent gets from cache',
    'db block gets from cache', 'physical reads cache', 'physical reads', 'physical read total bytes',
    'physical write total bytes', 'physical writes direct temporary tablespace', 'redo size', 'redo log space requests',
    'enqueue waits', 'enqueue deadlocks', 'table scan rows gotten', 'workarea executions - onepass',
    'workarea executions - multipass', 'bytes received via SQL*Net from client', 'bytes sent via SQL*Net to client'
)
UNION ALL
SELECT 'time' AS kind, t.stat_name AS name, t.value / 1000 AS value
FROM v$sys_time_model t
WHERE t.stat_name IN ('DB time', 'DB CPU', 'sql execute elapsed time')
UNION ALL
SELECT 'wait' AS kind, w.wait_class AS name, w.time_waited_fg * 10 AS value
FROM v$system_wait_class w
WHERE w.wait_class <> 'Idle'

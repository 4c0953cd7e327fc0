-- Figures that the server itself averages over the last minute: group 2 of the instance, 18 of a pluggable database.
SELECT /* aishell */ m.group_id AS group_id, m.metric_name AS name, m.value AS value
FROM v$sysmetric m
WHERE m.group_id IN (2, 18)
    AND m.metric_name IN (
        'Average Active Sessions', 'Host CPU Utilization (%)', 'Response Time Per Txn', 'SQL Service Response Time',
        'Database Wait Time Ratio', 'Library Cache Hit Ratio', 'Shared Pool Free %', 'User Rollbacks Percentage',
        'User Rollback UndoRec Applied Per Sec', 'Temp Space Used'
    )

-- The settings in force for the whole server; sets of transactions are no settings.
SELECT /* aishell */
    g.VARIABLE_NAME AS name,
    g.VARIABLE_VALUE AS value,
    i.VARIABLE_SOURCE AS source
FROM performance_schema.global_variables g
LEFT JOIN performance_schema.variables_info i ON i.VARIABLE_NAME = g.VARIABLE_NAME
WHERE g.VARIABLE_NAME NOT IN ('gtid_executed', 'gtid_owned', 'gtid_purged', 'timestamp')
ORDER BY g.VARIABLE_NAME

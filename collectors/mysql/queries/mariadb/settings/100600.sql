-- The settings in force for the whole server and where each comes from; positions and clocks are no settings.
SELECT /* aishell */
    LOWER(VARIABLE_NAME) AS name,
    GLOBAL_VALUE AS value,
    GLOBAL_VALUE_ORIGIN AS source
FROM information_schema.SYSTEM_VARIABLES
WHERE GLOBAL_VALUE IS NOT NULL
    AND VARIABLE_NAME NOT IN (
        'GTID_BINLOG_POS', 'GTID_BINLOG_STATE', 'GTID_CURRENT_POS', 'GTID_SLAVE_POS', 'WSREP_START_POSITION', 'TIMESTAMP'
    )
ORDER BY VARIABLE_NAME

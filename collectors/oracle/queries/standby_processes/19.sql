-- The processes of this standby that receive and apply redo.
SELECT /* aishell */ p.name AS name, p.role AS role, p.action AS action, p.sequence# AS sequence, p.delay_mins AS delay_minutes
FROM v$dataguard_process p
WHERE p.role = 'managed recovery' OR p.role LIKE 'RFS%' OR p.role LIKE 'recovery%'

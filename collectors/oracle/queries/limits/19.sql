-- Limits of the instance that stop new sessions. In a pluggable database there may be no rows.
SELECT /* aishell */ r.resource_name AS name, r.current_utilization AS used, r.max_utilization AS most_used, TRIM(r.limit_value) AS most
FROM v$resource_limit r
WHERE r.resource_name IN ('sessions', 'processes')

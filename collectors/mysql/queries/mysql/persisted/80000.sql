-- Settings that were persisted for the next start with another value than the one in force.
SELECT /* aishell */
    p.VARIABLE_NAME AS name,
    p.VARIABLE_VALUE AS value
FROM performance_schema.persisted_variables p
JOIN performance_schema.global_variables g ON g.VARIABLE_NAME = p.VARIABLE_NAME
WHERE p.VARIABLE_VALUE <> g.VARIABLE_VALUE

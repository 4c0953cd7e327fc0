-- Memory of the instance.
SELECT /* aishell */ 'sga' AS name, SUM(g.value) AS value FROM v$sga g
UNION ALL
SELECT p.name AS name, p.value AS value FROM v$pgastat p WHERE p.name = 'total PGA allocated'
UNION ALL
SELECT r.name AS name, TO_NUMBER(r.value) AS value FROM v$parameter r WHERE r.name = 'pga_aggregate_limit'

-- How far this standby is behind its primary; no rows on a primary.
SELECT /* aishell */ g.source_db_unique_name AS source, g.name AS name, g.value AS value, g.time_computed AS time_computed, g.datum_time AS datum_time
FROM v$dataguard_stats g

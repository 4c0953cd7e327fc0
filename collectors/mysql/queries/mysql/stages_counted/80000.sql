-- Whether stages are kept at all, and whether those of changed tables are counted.
SELECT /* aishell */
    (SELECT ENABLED FROM performance_schema.setup_consumers WHERE NAME = 'events_stages_current') AS kept,
    (SELECT COUNT(*) FROM performance_schema.setup_instruments WHERE NAME LIKE 'stage/innodb/alter%' AND ENABLED = 'YES') AS counted

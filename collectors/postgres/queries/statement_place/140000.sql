-- Whether statements are counted here and where; pg_extension, pg_available_extensions, settings.
-- Libraries that wait for a restart stand in no setting but in the server's files, which few roles may read.
-- The module's own setting is there while it is loaded; the list of libraries is told to those who may read all settings.
SELECT /* aishell */
    e.extversion AS version,
    n.nspname AS schema,
    a.default_version IS NOT NULL AS available,
    current_setting('pg_stat_statements.max', true) IS NOT NULL AS loaded,
    (SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries') AS libraries,
    coalesce((SELECT pending_restart FROM pg_settings WHERE name = 'shared_preload_libraries'), false) AS pending,
    has_table_privilege('pg_file_settings', 'SELECT') AND has_function_privilege('pg_show_all_file_settings()', 'EXECUTE') AS reads_files,
    current_setting('track_io_timing') = 'on' AS io_timed,
    current_setting('block_size')::float8 AS block_bytes,
    pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all
FROM (SELECT 1) AS one
LEFT JOIN pg_extension AS e ON e.extname = 'pg_stat_statements'
LEFT JOIN pg_namespace AS n ON n.oid = e.extnamespace
LEFT JOIN pg_available_extensions AS a ON a.name = 'pg_stat_statements'

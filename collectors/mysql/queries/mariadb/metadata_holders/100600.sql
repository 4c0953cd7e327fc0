-- Who holds which metadata lock, where the plugin metadata_lock_info is loaded.
SELECT /* aishell */
    THREAD_ID AS session,
    LOCK_TYPE AS type,
    TABLE_SCHEMA AS `schema`,
    TABLE_NAME AS name,
    LOCK_MODE AS mode
FROM information_schema.METADATA_LOCK_INFO
LIMIT 5000

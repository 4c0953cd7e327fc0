-- The archiver (pg_stat_archiver), autovacuum workers (pg_stat_activity) and settings that wait for a restart (pg_settings) with
-- when they were last loaded, and what decides how the rest is read: recovery and the role's privileges.
SELECT /* aishell */
    pg_catalog.pg_is_in_recovery() AS in_recovery,
    pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all,
    pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') AS sees_settings,
    pg_catalog.current_setting('archive_mode') AS archive_mode,
    EXISTS (
        SELECT
        FROM pg_catalog.pg_subscription AS subscription
        INNER JOIN pg_catalog.pg_database AS own ON own.oid = subscription.subdbid AND own.datname = pg_catalog.current_database()
    ) AS subscribes,
    archiver.archived_count::float8 AS archived,
    archiver.failed_count::float8 AS archive_failed,
    coalesce(archiver.last_failed_time > archiver.last_archived_time, archiver.last_failed_time IS NOT NULL)::int::float8 AS archive_failing,
    extract(epoch FROM pg_catalog.now() - archiver.last_archived_time)::float8 AS archive_age_seconds,
    (SELECT count(*) FILTER (WHERE backend_type = 'autovacuum worker')::float8 FROM pg_catalog.pg_stat_activity) AS autovacuum_workers,
    (SELECT count(*)::float8 FROM pg_catalog.pg_settings WHERE pending_restart) AS pending_restart,
    extract(epoch FROM pg_catalog.now() - pg_catalog.pg_conf_load_time())::float8 AS settings_age_seconds
FROM pg_catalog.pg_stat_archiver AS archiver

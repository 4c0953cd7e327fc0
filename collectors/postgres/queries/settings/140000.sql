-- Settings that are in force, and which of them wait for a restart (pg_settings). Those of superusers are missing without pg_read_all_settings.
SELECT /* aishell */
    name::text AS name,
    setting::text AS value,
    coalesce(unit, '')::text AS unit,
    source::text AS source,
    pending_restart,
    context = 'internal' AS derived,
    pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') AS sees_all
FROM pg_catalog.pg_settings
ORDER BY name

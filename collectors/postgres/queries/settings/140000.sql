-- Settings that are in force, and which of them wait for a restart (pg_settings).
SELECT /* aishell */
    name::text AS name,
    setting::text AS value,
    coalesce(unit, '')::text AS unit,
    source::text AS source,
    pending_restart
FROM pg_catalog.pg_settings
ORDER BY name

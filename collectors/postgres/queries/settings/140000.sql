-- Settings that are in force, and which of them wait for a restart (pg_settings). Those of superusers are missing without pg_read_all_settings.
-- What our own connection has set is told as the server has it; what it gave at its start (statement_timeout
-- among it, which it sets again later) hides that, and is left out.
SELECT /* aishell */
    name::text AS name,
    (CASE source WHEN 'session' THEN reset_val ELSE setting END)::text AS value,
    coalesce(unit, '')::text AS unit,
    (CASE source WHEN 'session' THEN '' ELSE source END)::text AS source,
    pending_restart,
    context = 'internal' AS derived,
    pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') AS sees_all
FROM pg_catalog.pg_settings
WHERE source <> 'client' AND name <> 'statement_timeout'
ORDER BY name

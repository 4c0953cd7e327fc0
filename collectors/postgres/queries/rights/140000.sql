-- What decides how the rest is read: recovery and the role's privileges.
SELECT /* aishell */
    pg_catalog.pg_is_in_recovery() AS in_recovery,
    pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all

-- What the control file says of the database: read seldom, because it is read from there.
SELECT /* aishell */
    d.name AS name,
    d.open_mode AS open_mode,
    d.log_mode AS log_mode,
    d.database_role AS database_role,
    d.protection_mode AS protection_mode,
    d.switchover_status AS switchover_status,
    d.force_logging AS force_logging,
    d.flashback_on AS flashback_on,
    d.platform_name AS platform_name,
    d.cdb AS cdb
FROM v$database d

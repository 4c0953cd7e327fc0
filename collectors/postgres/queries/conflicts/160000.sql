-- Queries of this standby that replaying the log had to cancel, by why (pg_stat_database_conflicts); from 16 on logical slots too.
SELECT /* aishell */
    sum(confl_tablespace)::float8 AS tablespace,
    sum(confl_lock)::float8 AS lock,
    sum(confl_snapshot)::float8 AS snapshot,
    sum(confl_bufferpin)::float8 AS bufferpin,
    sum(confl_deadlock)::float8 AS deadlock,
    sum(confl_active_logicalslot)::float8 AS logical_slot
FROM pg_catalog.pg_stat_database_conflicts

-- Where the redo of this database goes: its archive and its standbys.
SELECT /* aishell */
    a.dest_id AS dest_id, a.dest_name AS dest_name, a.status AS status, a.type AS type, a.database_mode AS database_mode,
    a.recovery_mode AS recovery_mode, a.destination AS destination, a.archived_thread# AS thread, a.archived_seq# AS archived_sequence,
    a.applied_seq# AS applied_sequence, a.error AS error, a.db_unique_name AS unique_name,
    a.synchronization_status AS synchronization_status, a.gap_status AS gap_status
FROM v$archive_dest_status a
WHERE a.status <> 'INACTIVE'

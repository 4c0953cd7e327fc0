-- Long operations with how far their phase is (the pg_stat_progress views); from 17 on vacuum counts the bytes of dead row ids and the indexes done.
-- Names are looked up in the connected database alone: the numbers of other databases mean nothing here.
SELECT /* aishell */
    running.operation,
    CASE WHEN worker.pid IS NOT NULL THEN 'auto' || running.operation ELSE running.command END AS command,
    running.pid,
    running.database::text AS database,
    running.phase,
    CASE
        WHEN relation.oid IS NOT NULL THEN namespace.nspname || '.' || relation.relname
        WHEN running.relid <> 0 THEN running.relid::text
    END AS object,
    CASE WHEN part.oid IS NOT NULL THEN part.relname::text WHEN running.part <> 0 THEN running.part::text END AS part,
    running.blocks_done::float8 AS blocks_done,
    running.blocks_total::float8 AS blocks_total,
    running.rows_done::float8 AS rows_done,
    running.rows_total::float8 AS rows_total,
    running.bytes_done::float8 AS bytes_done,
    running.bytes_total::float8 AS bytes_total,
    running.parts_done::float8 AS parts_done,
    running.parts_total::float8 AS parts_total,
    running.passes::float8 AS passes,
    running.waits_for
FROM
    (
        SELECT
            'vacuum', NULL::text, pid, datname, phase, relid, NULL::oid,
            CASE phase WHEN 'vacuuming heap' THEN heap_blks_vacuumed ELSE heap_blks_scanned END, heap_blks_total,
            num_dead_item_ids, NULL::bigint, dead_tuple_bytes, max_dead_tuple_bytes,
            indexes_processed, indexes_total, index_vacuum_count, NULL::bigint
        FROM pg_catalog.pg_stat_progress_vacuum
        UNION ALL
        SELECT
            'analyze', NULL, pid, datname, phase, relid, current_child_table_relid,
            sample_blks_scanned, sample_blks_total, NULL, NULL, NULL, NULL,
            CASE WHEN child_tables_total > 0 THEN child_tables_done ELSE ext_stats_computed END,
            CASE WHEN child_tables_total > 0 THEN child_tables_total ELSE ext_stats_total END,
            NULL, NULL
        FROM pg_catalog.pg_stat_progress_analyze
        UNION ALL
        SELECT
            'create index', lower(command), pid, datname, phase, relid, index_relid,
            blocks_done, blocks_total, tuples_done, tuples_total, NULL, NULL,
            CASE WHEN lockers_total > 0 THEN lockers_done ELSE partitions_done END,
            CASE WHEN lockers_total > 0 THEN lockers_total ELSE partitions_total END,
            NULL, nullif(current_locker_pid, 0)
        FROM pg_catalog.pg_stat_progress_create_index
        UNION ALL
        SELECT
            'cluster', lower(command), pid, datname, phase, relid, cluster_index_relid,
            heap_blks_scanned, heap_blks_total, heap_tuples_written, heap_tuples_scanned, NULL, NULL,
            index_rebuild_count, NULL, NULL, NULL
        FROM pg_catalog.pg_stat_progress_cluster
        UNION ALL
        SELECT
            'base backup', NULL, pid, NULL, phase, NULL, NULL,
            NULL, NULL, NULL, NULL, backup_streamed, backup_total,
            tablespaces_streamed, tablespaces_total, NULL, NULL
        FROM pg_catalog.pg_stat_progress_basebackup
        UNION ALL
        SELECT
            'copy', lower(command), pid, datname, lower(type), relid, NULL,
            NULL, NULL, tuples_processed, NULL, bytes_processed, nullif(bytes_total, 0),
            NULL, NULL, NULL, NULL
        FROM pg_catalog.pg_stat_progress_copy
    ) AS running (
        operation, command, pid, database, phase, relid, part,
        blocks_done, blocks_total, rows_done, rows_total, bytes_done, bytes_total,
        parts_done, parts_total, passes, waits_for
    )
    LEFT JOIN pg_catalog.pg_stat_activity AS worker
        ON worker.pid = running.pid AND worker.backend_type = 'autovacuum worker' AND running.operation IN ('vacuum', 'analyze')
    LEFT JOIN pg_catalog.pg_class AS relation ON relation.oid = running.relid AND running.database = pg_catalog.current_database()
    LEFT JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    LEFT JOIN pg_catalog.pg_class AS part ON part.oid = running.part AND running.database = pg_catalog.current_database()

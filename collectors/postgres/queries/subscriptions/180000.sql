-- Logical subscriptions of this database with their workers (pg_stat_subscription) and errors and conflicts (pg_stat_subscription_stats); the table pg_subscription is
-- shared by all databases, and its connection string is not read.
SELECT /* aishell */
    subscription.oid::int8 AS id,
    subscription.subname::text AS name,
    subscription.subenabled AS enabled,
    subscription.subslotname::text AS slot,
    array_to_string(subscription.subpublications, ', ') AS publications,
    worker.pid,
    worker.worker_type::text AS kind,
    CASE WHEN worker.relid IS NOT NULL THEN coalesce(namespace.nspname || '.' || relation.relname, worker.relid::text) END AS relation,
    extract(epoch FROM worker.last_msg_receipt_time)::float8 AS received_at,
    (
        SELECT count(*)
        FROM pg_catalog.pg_subscription_rel AS member
        WHERE member.srsubid = subscription.oid AND member.srsubstate <> 'r'
    )::float8 AS tables_waiting,
    errors.apply_error_count::float8 AS apply_errors,
    errors.sync_error_count::float8 AS sync_errors,
    (
        errors.confl_insert_exists + errors.confl_update_origin_differs + errors.confl_update_exists + errors.confl_update_missing
        + errors.confl_delete_origin_differs + errors.confl_delete_missing + errors.confl_multiple_unique_conflicts
    )::float8 AS conflicts,
    errors.confl_insert_exists::float8 AS insert_exists,
    errors.confl_update_origin_differs::float8 AS update_origin_differs,
    errors.confl_update_exists::float8 AS update_exists,
    errors.confl_update_missing::float8 AS update_missing,
    errors.confl_delete_origin_differs::float8 AS delete_origin_differs,
    errors.confl_delete_missing::float8 AS delete_missing,
    errors.confl_multiple_unique_conflicts::float8 AS multiple_unique_conflicts
FROM
    pg_catalog.pg_subscription AS subscription
    INNER JOIN pg_catalog.pg_database AS own ON own.oid = subscription.subdbid AND own.datname = pg_catalog.current_database()
    LEFT JOIN pg_catalog.pg_stat_subscription AS worker ON worker.subid = subscription.oid AND worker.pid IS NOT NULL
    LEFT JOIN pg_catalog.pg_class AS relation ON relation.oid = worker.relid
    LEFT JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    LEFT JOIN pg_catalog.pg_stat_subscription_stats AS errors ON errors.subid = subscription.oid

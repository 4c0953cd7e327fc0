-- The threads that apply transactions, with the age of what they apply now, from its commit at the immediate source.
SELECT /* aishell */
    CHANNEL_NAME AS channel,
    WORKER_ID AS worker,
    SERVICE_STATE AS state,
    COALESCE(NULLIF(APPLYING_TRANSACTION, ''), LAST_APPLIED_TRANSACTION) AS transaction_id,
    CASE
        WHEN APPLYING_TRANSACTION <> '' AND APPLYING_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP > 0
        THEN TIMESTAMPDIFF(MICROSECOND, APPLYING_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP, NOW(6)) / 1000000
    END AS seconds,
    NULL AS idle_seconds,
    APPLYING_TRANSACTION_RETRIES_COUNT AS retries,
    LAST_ERROR_NUMBER AS error_number,
    LAST_ERROR_MESSAGE AS error_message
FROM performance_schema.replication_applier_status_by_worker

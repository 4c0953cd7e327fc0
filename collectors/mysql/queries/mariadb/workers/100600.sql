-- The workers of parallel replication; the server keeps no time of what they apply. WORKER_IDLE_TIME is a sum since their start.
SELECT /* aishell */
    CHANNEL_NAME AS channel,
    THREAD_ID AS worker,
    SERVICE_STATE AS state,
    LAST_SEEN_TRANSACTION AS transaction_id,
    NULL AS seconds,
    WORKER_IDLE_TIME AS idle_seconds,
    LAST_TRANS_RETRY_COUNT AS retries,
    LAST_ERROR_NUMBER AS error_number,
    LAST_ERROR_MESSAGE AS error_message
FROM performance_schema.replication_applier_status_by_worker

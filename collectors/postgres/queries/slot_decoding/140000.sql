-- What decoding for logical slots had to spill to disk or could stream (pg_stat_replication_slots).
SELECT /* aishell */
    slot_name::text AS name,
    spill_txns::float8 AS spilled_transactions,
    spill_bytes::float8 AS spilled_bytes,
    stream_txns::float8 AS streamed_transactions,
    stream_bytes::float8 AS streamed_bytes,
    total_txns::float8 AS transactions,
    total_bytes::float8 AS bytes
FROM pg_catalog.pg_stat_replication_slots

-- What servers that are only compatible have too: pg_stat_activity as it has been since 9.6.
-- $1 (epoch seconds) as in `activity`, whose first columns these are.
SELECT /* aishell */
    pid,
    application_name = 'aishell' OR pid = pg_backend_pid() AS own,
    datname,
    usename,
    application_name,
    host(client_addr) AS address,
    state,
    wait_event_type,
    wait_event,
    date_part('epoch', backend_start) AS started_at,
    date_part('epoch', clock_timestamp() - xact_start) AS transaction_seconds,
    date_part('epoch', query_start) AS statement_at,
    date_part('epoch', clock_timestamp() - query_start) AS statement_seconds,
    date_part('epoch', clock_timestamp() - state_change) AS state_seconds,
    CASE WHEN query_start IS NULL OR query_start >= to_timestamp($1::float8) THEN query END AS query,
    (SELECT date_part('epoch', clock_timestamp())) AS now
FROM pg_stat_activity

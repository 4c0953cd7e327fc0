-- Every process of the server and what it does; pg_stat_activity. Ages are of the server's clock.
-- A text is sent only when its statement began at or after $1 (epoch seconds): the others have been sent before.
-- It is never cut by characters, because that fails for a text of a database with another encoding.
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
    CASE WHEN octet_length(query) <= 4000 AND (query_start IS NULL OR query_start >= to_timestamp($1::float8)) THEN query END AS query,
    (SELECT date_part('epoch', clock_timestamp())) AS now,
    backend_type,
    leader_pid,
    client_hostname AS hostname,
    client_port,
    backend_xid::text AS xid,
    age(backend_xmin)::float8 AS xmin_age,
    query_id::text AS query_id,
    CASE WHEN octet_length(query) > 4000 AND (query_start IS NULL OR query_start >= to_timestamp($1::float8))
        THEN substring(textsend(query) FROM 1 FOR 4000)
    END AS long_query
FROM pg_stat_activity

-- The texts of statements by their identifiers; pg_stat_statements. Reading any text means to read all of its file.
SELECT /* aishell */
    queryid,
    CASE WHEN octet_length(query) <= 8000 THEN query END AS query,
    CASE WHEN octet_length(query) > 8000 THEN substring(textsend(query) FROM 1 FOR 8000) END AS long_query
FROM pg_stat_statements(true)
WHERE queryid IN (SELECT unnest($1::bigint[]))

-- Used and possible size of each tablespace in bytes; files that may grow count with what they may grow to.
SELECT /* aishell */
    m.tablespace_name AS name, t.contents AS contents, t.status AS status, m.used_space * t.block_size AS used_bytes,
    m.tablespace_size * t.block_size AS most_bytes, m.used_percent AS used_percent
FROM dba_tablespace_usage_metrics m
JOIN dba_tablespaces t ON t.tablespace_name = m.tablespace_name

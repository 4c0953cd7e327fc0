-- The largest tables and indexes of users, with what the dictionary says of them; sizes in bytes.
WITH /* aishell */ sized AS (
    SELECT
        s.owner AS owner,
        s.segment_name AS name,
        CASE WHEN s.segment_type LIKE 'INDEX%' THEN 'index' WHEN s.segment_type LIKE 'LOB%' THEN 'lob' ELSE 'table' END AS kind,
        SUM(s.bytes) AS bytes,
        COUNT(*) AS parts
    FROM dba_segments s
    WHERE (s.segment_type LIKE 'TABLE%' OR s.segment_type LIKE 'INDEX%' OR s.segment_type LIKE 'LOB%')
        AND s.owner NOT IN (SELECT u.username FROM dba_users u WHERE u.oracle_maintained = 'Y')
    GROUP BY
        s.owner,
        s.segment_name,
        CASE WHEN s.segment_type LIKE 'INDEX%' THEN 'index' WHEN s.segment_type LIKE 'LOB%' THEN 'lob' ELSE 'table' END
    ORDER BY SUM(s.bytes) DESC
    FETCH FIRST 300 ROWS ONLY
)
SELECT
    z.owner AS owner,
    z.name AS name,
    z.kind AS kind,
    z.bytes AS bytes,
    z.parts AS parts,
    COALESCE(i.table_name, l.table_name) AS table_name,
    COALESCE(t.num_rows, i.num_rows) AS num_rows,
    t.avg_row_len AS row_bytes,
    t.blocks AS blocks,
    ROUND((COALESCE(t.last_analyzed, i.last_analyzed) - DATE '1970-01-01') * 86400) AS analyzed_local,
    i.status AS index_status,
    i.visibility AS index_visibility,
    i.uniqueness AS uniqueness,
    l.column_name AS column_name
FROM sized z
LEFT JOIN dba_tables t ON z.kind = 'table' AND t.owner = z.owner AND t.table_name = z.name
LEFT JOIN dba_indexes i ON z.kind = 'index' AND i.owner = z.owner AND i.index_name = z.name
LEFT JOIN dba_lobs l ON z.kind = 'lob' AND l.owner = z.owner AND l.segment_name = z.name

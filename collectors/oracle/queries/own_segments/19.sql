-- The largest tables and indexes of our own user, which needs no grant; the same columns as of `segments`.
SELECT /* aishell */
    USER AS owner,
    z.name AS name,
    z.kind AS kind,
    z.bytes AS bytes,
    z.parts AS parts,
    i.table_name AS table_name,
    COALESCE(t.num_rows, i.num_rows) AS num_rows,
    t.avg_row_len AS row_bytes,
    t.blocks AS blocks,
    ROUND((COALESCE(t.last_analyzed, i.last_analyzed) - DATE '1970-01-01') * 86400) AS analyzed_local,
    i.status AS index_status,
    i.visibility AS index_visibility,
    i.uniqueness AS uniqueness,
    NULL AS column_name
FROM (
    SELECT
        s.segment_name AS name,
        CASE WHEN s.segment_type LIKE 'INDEX%' THEN 'index' ELSE 'table' END AS kind,
        SUM(s.bytes) AS bytes,
        COUNT(*) AS parts
    FROM user_segments s
    WHERE s.segment_type LIKE 'TABLE%' OR s.segment_type LIKE 'INDEX%'
    GROUP BY s.segment_name, CASE WHEN s.segment_type LIKE 'INDEX%' THEN 'index' ELSE 'table' END
    ORDER BY SUM(s.bytes) DESC
    FETCH FIRST 300 ROWS ONLY
) z
LEFT JOIN user_tables t ON z.kind = 'table' AND t.table_name = z.name
LEFT JOIN user_indexes i ON z.kind = 'index' AND i.index_name = z.name

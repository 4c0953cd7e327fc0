-- Indexes that no query may use and that are not among those of the tables $1 (pg_index): of partitioned tables, with the partitions that
-- lack their part and the parts that are themselves invalid (pg_inherits), and of tables too small to be listed.
SELECT /* aishell */
    namespace.nspname::text AS schema,
    held.relname::text AS table_name,
    main.relname::text AS name,
    main.relkind = 'I' AS of_partitions,
    method.amname::text AS method,
    main.relpages::float8 AS pages,
    own.indisready AS is_ready,
    own.indisvalid AS is_valid,
    main.oid IN (SELECT building.index_relid FROM pg_catalog.pg_stat_progress_create_index AS building) AS building,
    (
        SELECT array_agg(attribute.attname::text ORDER BY place.number)
        FROM
            unnest(own.indkey::int2[]) WITH ORDINALITY AS place (attnum, number)
            INNER JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = own.indrelid AND attribute.attnum = place.attnum
    ) AS columns,
    (
        SELECT array_agg(partition.relname::text ORDER BY partition.relname)
        FROM
            pg_catalog.pg_inherits AS below
            INNER JOIN pg_catalog.pg_class AS partition ON partition.oid = below.inhrelid
        WHERE
            below.inhparent = own.indrelid
            AND NOT EXISTS (
                SELECT
                FROM
                    pg_catalog.pg_inherits AS attached
                    INNER JOIN pg_catalog.pg_index AS part ON part.indexrelid = attached.inhrelid
                WHERE attached.inhparent = main.oid AND part.indrelid = partition.oid
            )
    ) AS lacking,
    (
        SELECT array_agg(named.relname::text ORDER BY named.relname)
        FROM
            pg_catalog.pg_inherits AS attached
            INNER JOIN pg_catalog.pg_index AS part ON part.indexrelid = attached.inhrelid
            INNER JOIN pg_catalog.pg_class AS named ON named.oid = part.indexrelid
        WHERE attached.inhparent = main.oid AND NOT part.indisvalid
    ) AS broken,
    pg_catalog.current_setting('block_size')::int AS page_bytes
FROM
    pg_catalog.pg_index AS own
    INNER JOIN pg_catalog.pg_class AS main ON main.oid = own.indexrelid
    INNER JOIN pg_catalog.pg_class AS held ON held.oid = own.indrelid
    INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = held.relnamespace
    INNER JOIN pg_catalog.pg_am AS method ON method.oid = main.relam
WHERE NOT own.indisvalid AND main.relkind IN ('i', 'I') AND own.indrelid <> ALL($1::oid[])
ORDER BY main.relpages DESC, main.oid
LIMIT 100

/* aishell */
-- How wide the columns of the tables $1 are and how often they are NULL (pg_attribute, pg_stats): what a row takes is computed of it.
-- pg_stats shows only tables that the role may read.
SELECT
    attribute.attrelid::int8 AS table_id,
    pg_catalog.has_any_column_privilege(attribute.attrelid, 'SELECT') AS readable,
    array_agg(attribute.attnum::int ORDER BY attribute.attnum) AS numbers,
    array_agg(attribute.attlen::int ORDER BY attribute.attnum) AS lengths,
    array_agg(attribute.attalign::text ORDER BY attribute.attnum) AS alignments,
    array_agg(attribute.attname::text ORDER BY attribute.attnum) AS names,
    array_agg(statistic.null_frac::float8 ORDER BY attribute.attnum) AS null_shares,
    array_agg(statistic.avg_width::float8 ORDER BY attribute.attnum) AS widths,
    array_agg(statistic.n_distinct::float8 ORDER BY attribute.attnum) AS distincts
FROM
    pg_catalog.pg_attribute AS attribute
    INNER JOIN pg_catalog.pg_class AS main ON main.oid = attribute.attrelid
    INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = main.relnamespace
    LEFT JOIN pg_catalog.pg_stats AS statistic
        ON
            statistic.schemaname = namespace.nspname
            AND statistic.tablename = main.relname
            AND statistic.attname = attribute.attname
            AND NOT statistic.inherited
WHERE attribute.attrelid = ANY($1::oid[]) AND attribute.attnum > 0 AND NOT attribute.attisdropped
GROUP BY attribute.attrelid

-- How wide the columns of the tables $1 are and how often they are NULL (pg_attribute, pg_stats): what a row takes is computed of it.
-- pg_stats shows only tables that the role may read, and is asked table by table: joined as a whole, a plan that does not know
-- how many tables are wanted takes seconds.
SELECT /* aishell */
    main.oid::int8 AS table_id,
    pg_catalog.has_any_column_privilege(main.oid, 'SELECT') AS readable,
    attribute.numbers,
    attribute.lengths,
    attribute.alignments,
    attribute.names,
    statistic.names AS known_names,
    statistic.null_shares,
    statistic.widths,
    statistic.distincts
FROM
    unnest($1::oid[]) AS wanted (oid)
    INNER JOIN pg_catalog.pg_class AS main ON main.oid = wanted.oid
    INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = main.relnamespace
    CROSS JOIN LATERAL (
        SELECT
            array_agg(attnum::int ORDER BY attnum) AS numbers,
            array_agg(attlen::int ORDER BY attnum) AS lengths,
            array_agg(attalign::text ORDER BY attnum) AS alignments,
            array_agg(attname::text ORDER BY attnum) AS names
        FROM pg_catalog.pg_attribute
        WHERE attrelid = main.oid AND attnum > 0 AND NOT attisdropped
    ) AS attribute
    CROSS JOIN LATERAL (
        SELECT
            array_agg(attname::text) AS names,
            array_agg(null_frac::float8) AS null_shares,
            array_agg(avg_width::float8) AS widths,
            array_agg(n_distinct::float8) AS distincts
        FROM pg_catalog.pg_stats
        WHERE schemaname = namespace.nspname AND tablename = main.relname AND NOT inherited
    ) AS statistic

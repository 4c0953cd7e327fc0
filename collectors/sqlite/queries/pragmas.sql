SELECT
    (SELECT page_count FROM pragma_page_count) AS page_count,
    (SELECT freelist_count FROM pragma_freelist_count) AS freelist_count,
    (SELECT page_size FROM pragma_page_size) AS page_size,
    (SELECT cache_size FROM pragma_cache_size) AS cache_size

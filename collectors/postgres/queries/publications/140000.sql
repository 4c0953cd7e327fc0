-- What this database offers to logical subscribers (pg_publication).
SELECT /* aishell */
    publication.pubname::text AS name,
    publication.puballtables AS all_tables,
    concat_ws(
        ', ',
        CASE WHEN publication.pubinsert THEN 'insert' END,
        CASE WHEN publication.pubupdate THEN 'update' END,
        CASE WHEN publication.pubdelete THEN 'delete' END,
        CASE WHEN publication.pubtruncate THEN 'truncate' END
    ) AS operations,
    (SELECT count(*)::float8 FROM pg_catalog.pg_publication_rel AS member WHERE member.prpubid = publication.oid) AS tables
FROM pg_catalog.pg_publication AS publication

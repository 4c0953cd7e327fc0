-- The names of databases and roles by their object ids, and the encodings of databases; pg_database, pg_roles.
SELECT /* aishell */ true AS is_database, oid::text AS id, datname AS name, pg_encoding_to_char(encoding)::text AS encoding
FROM pg_database
UNION ALL
SELECT false, oid::text, rolname, '' FROM pg_roles

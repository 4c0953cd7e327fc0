-- The texts of statement digests: all of them, or those that are asked for.
SELECT /* aishell */ DIGEST AS digest, MAX(DIGEST_TEXT) AS text
FROM performance_schema.events_statements_summary_by_digest
WHERE DIGEST IS NOT NULL AND (%s OR FIND_IN_SET(DIGEST, %s))
GROUP BY DIGEST

-- The recovery area; no rows where there is none.
SELECT /* aishell */
    f.name AS name, f.space_limit AS most_bytes, f.space_used AS used_bytes, f.space_reclaimable AS reclaimable_bytes, f.number_of_files AS files
FROM v$recovery_file_dest f
WHERE f.space_limit > 0

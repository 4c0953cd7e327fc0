-- The libraries that the server would load if it began anew now, as its files say; pg_file_settings, for superusers unless granted.
SELECT /* aishell */ setting AS libraries
FROM pg_file_settings
WHERE name = 'shared_preload_libraries'
ORDER BY seqno DESC
LIMIT 1

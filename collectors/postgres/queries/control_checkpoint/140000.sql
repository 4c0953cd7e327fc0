-- When the last checkpoint began, by the control file (pg_control_checkpoint).
SELECT /* aishell */ extract(epoch FROM pg_catalog.now() - checkpoint_time)::float8 AS age_seconds
FROM pg_catalog.pg_control_checkpoint()

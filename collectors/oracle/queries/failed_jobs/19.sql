-- Runs of scheduled jobs that failed within a day.
SELECT /* aishell */ COUNT(*) AS runs
FROM dba_scheduler_job_run_details r
WHERE r.status = 'FAILED' AND r.log_date > SYSTIMESTAMP - INTERVAL '1' DAY

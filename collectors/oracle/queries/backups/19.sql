-- Backup jobs of the last 60 days by sort: when the last one that went well ended, and how many of the last day failed.
SELECT /* aishell */
    b.input_type AS input_type,
    ROUND((SYSDATE - MAX(CASE WHEN b.status LIKE 'COMPLETED%' THEN b.end_time END)) * 86400) AS seconds,
    COUNT(CASE WHEN b.status = 'FAILED' AND b.start_time > SYSDATE - 1 THEN 1 END) AS failed,
    COUNT(CASE WHEN b.status LIKE 'RUNNING%' THEN 1 END) AS running
FROM v$rman_backup_job_details b
WHERE b.start_time > SYSDATE - 60
GROUP BY b.input_type

-- Open accounts of users whose password expires within 14 days.
SELECT /* aishell */ COUNT(*) AS accounts
FROM dba_users u
WHERE u.account_status LIKE 'OPEN%' AND u.expiry_date BETWEEN SYSDATE AND SYSDATE + 14 AND u.oracle_maintained = 'N'

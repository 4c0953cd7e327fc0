-- Whether the account sees what concerns all sessions: this small view is refused without PROCESS.
SELECT /* aishell */ COUNT(*) AS sizes FROM information_schema.INNODB_CMP

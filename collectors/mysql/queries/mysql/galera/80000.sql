-- This node of a Galera cluster; nothing where there is no such library.
SHOW /* aishell */ GLOBAL STATUS LIKE 'wsrep\_%'

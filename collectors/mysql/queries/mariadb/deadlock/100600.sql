-- InnoDB's own report, which keeps the last deadlock.
SHOW /* aishell */ ENGINE INNODB STATUS

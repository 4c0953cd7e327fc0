-- InnoDB's own report: the only place that tells which transactions have a read view, and how old that is.
SHOW /* aishell */ ENGINE INNODB STATUS

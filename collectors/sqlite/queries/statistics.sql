SELECT tbl, stat FROM sqlite_stat1

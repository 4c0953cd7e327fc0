SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1' AND type = 'table'

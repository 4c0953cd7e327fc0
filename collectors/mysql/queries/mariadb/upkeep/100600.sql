-- The settings that decide how replication, logs and clusters are read, and those that rules compare with.
SHOW /* aishell */ GLOBAL VARIABLES WHERE Variable_name IN (
    'log_bin', 'binlog_format', 'gtid_binlog_pos', 'server_id', 'read_only', 'binlog_expire_logs_seconds', 'expire_logs_days', 'userstat', 'performance_schema',
    'max_prepared_stmt_count', 'open_files_limit', 'innodb_force_recovery',
    'wsrep_on', 'wsrep_cluster_address', 'wsrep_node_name', 'innodb_page_size', 'innodb_stats_on_metadata', 'innodb_log_file_size'
)

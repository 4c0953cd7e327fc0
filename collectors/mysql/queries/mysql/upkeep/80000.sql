-- The settings that decide how replication, logs and clusters are read, and those that rules compare with.
SHOW /* aishell */ GLOBAL VARIABLES WHERE Variable_name IN (
    'log_bin', 'binlog_format', 'server_id', 'server_uuid', 'read_only', 'super_read_only', 'binlog_expire_logs_seconds', 'expire_logs_days',
    'binlog_expire_logs_auto_purge', 'performance_schema', 'wsrep_on', 'wsrep_cluster_address', 'wsrep_node_name',
    'max_prepared_stmt_count', 'open_files_limit', 'innodb_force_recovery', 'gtid_executed',
    'innodb_page_size', 'innodb_stats_on_metadata', 'innodb_redo_log_capacity', 'innodb_log_file_size', 'innodb_log_files_in_group'
)

"""What stands between a person and a database: risk, roles, decisions, the audit log."""

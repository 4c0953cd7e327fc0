"""The collector of PgBouncer: its own admin console."""

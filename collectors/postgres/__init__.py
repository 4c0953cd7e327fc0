"""The collector of PostgreSQL."""

"""The embedded demo: a small shop on a real SQLite database, with a real workload."""

"""The state database: history and events."""

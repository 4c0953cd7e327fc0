"""Alerts in the state database: how they stand, what people said of them, their history and evidence, and who evaluates."""

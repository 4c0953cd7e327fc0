"""Colours only: one TOML per theme."""

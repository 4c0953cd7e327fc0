"""Rows of tables as typed values: saved in forms that other programs read, and restored into any engine that has tables."""

"""Backups: taken, kept, verified, tested and restored, for every engine and storage."""

"""How each engine is saved and restored: one file per engine, found by entry point (`aishell.backups`)."""

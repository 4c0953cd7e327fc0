"""Where backups lie: a folder or a cloud's bucket, behind one small contract."""

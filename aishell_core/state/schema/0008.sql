-- What is known of backups without reading them again: of each backup of a storage what a list needs, for as long as `mark`, which
-- the storage tells cheaply and which changes with everything that is noted beside a backup, stays the same.
CREATE TABLE backup_entry (
    storage TEXT NOT NULL,
    spot TEXT NOT NULL,
    mark TEXT NOT NULL,
    summary TEXT NOT NULL,
    PRIMARY KEY (storage, spot)
) WITHOUT ROWID;

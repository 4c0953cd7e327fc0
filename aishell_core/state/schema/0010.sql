-- What was tried with backups: that one was made, or restored for a test, by whom, how far it has come while it goes on, and how it
-- ended. `backup` is the id of the backup that it makes or tests; `holder` and `step` are JSON of who does it and of the newest step.
CREATE TABLE backup_attempt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    what TEXT NOT NULL,
    target TEXT NOT NULL,
    engine TEXT NOT NULL,
    database TEXT NOT NULL,
    job TEXT NOT NULL,
    storage TEXT NOT NULL,
    backup TEXT NOT NULL,
    begun_at REAL NOT NULL,
    ended_at REAL,
    outcome TEXT NOT NULL,
    message TEXT NOT NULL,
    holder TEXT NOT NULL,
    step TEXT NOT NULL,
    stepped_at REAL
);
CREATE INDEX backup_attempt_by_begin ON backup_attempt (begun_at);

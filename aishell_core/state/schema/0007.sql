-- Backups that are made by themselves: schedules that were made by commands (the configuration has others), up to when each schedule
-- has been dealt with, and what became of each run. `due_at` of a mark is the newest time that was dealt with, NULL before the first.
CREATE TABLE backup_schedule (
    name TEXT PRIMARY KEY,
    options TEXT NOT NULL,
    created_at REAL NOT NULL,
    created_by TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE backup_mark (
    name TEXT PRIMARY KEY,
    expression TEXT NOT NULL,
    since REAL NOT NULL,
    due_at REAL
) WITHOUT ROWID;
CREATE TABLE backup_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule TEXT NOT NULL,
    target TEXT NOT NULL,
    due_at REAL NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL,
    outcome TEXT NOT NULL,
    backup TEXT NOT NULL,
    message TEXT NOT NULL,
    bytes INTEGER,
    stored_bytes INTEGER
);
CREATE INDEX backup_run_by_schedule ON backup_run (schedule, target, due_at);
CREATE INDEX backup_run_by_end ON backup_run (ended_at);

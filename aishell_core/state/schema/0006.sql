-- Who evaluates: a row for each program that does, whose number is never used again, and of each target who has it. Each write of a
-- program names its number. What nobody has is judged by nobody; `origin` is the file that configures a target, '' where none does.
CREATE TABLE alert_judge (
    fence INTEGER PRIMARY KEY AUTOINCREMENT,
    holder TEXT NOT NULL,
    boot TEXT NOT NULL,
    beat INTEGER NOT NULL,
    steady REAL NOT NULL,
    at REAL NOT NULL,
    evaluated_at REAL,
    targets INTEGER NOT NULL
);
CREATE TABLE alert_ward (
    target TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    fence INTEGER,
    evaluated_at REAL,
    left_at REAL
) WITHOUT ROWID;
CREATE INDEX alert_ward_by_fence ON alert_ward (fence);
INSERT INTO alert_ward (target, origin, fence, evaluated_at, left_at)
    SELECT DISTINCT target, '', NULL, (SELECT evaluated_at FROM alert_lease), (SELECT at FROM alert_lease) FROM alert;
DROP TABLE alert_lease;
-- The program that has made a message sends it; another one does when that one has ended.
ALTER TABLE notice_message ADD COLUMN judge INTEGER NOT NULL DEFAULT 0;

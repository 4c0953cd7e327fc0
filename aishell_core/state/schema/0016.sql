-- How the rules read by which somebody judges (`marks`, in the order of `rules`), and one mark for all of them.
ALTER TABLE alert_judge ADD COLUMN mark TEXT NOT NULL DEFAULT '';
ALTER TABLE alert_judge ADD COLUMN marks TEXT NOT NULL DEFAULT '';
-- Rules that a program has otherwise than who judges targets of it, by name; with its signs of life, as those of who judges.
CREATE TABLE alert_variant (
    holder TEXT NOT NULL,
    judge TEXT NOT NULL,
    boot TEXT NOT NULL,
    steady REAL NOT NULL,
    at REAL NOT NULL,
    rules TEXT NOT NULL,
    PRIMARY KEY (holder, judge)
) WITHOUT ROWID;

-- Whom each target replicates from, by the names of targets, as it was known last: while its primary is down a replica may not know.
CREATE TABLE alert_link (
    target TEXT PRIMARY KEY,
    upstream TEXT NOT NULL
) WITHOUT ROWID;

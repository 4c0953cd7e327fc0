-- Incidents that were over before their channel had heard the end of them, and that were followed by another one of the same alert.
CREATE TABLE notice_past (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    notice_group INTEGER NOT NULL REFERENCES notice_group (id),
    alert TEXT NOT NULL,
    message TEXT
);
CREATE INDEX notice_past_by_member ON notice_past (fingerprint, notice_group);

-- Alerts as they stand; what people say of them is kept apart, so that an evaluation never overwrites it.
CREATE TABLE alert (
    fingerprint TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    target TEXT NOT NULL,
    phase TEXT NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE alert_acknowledgement (
    fingerprint TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    note TEXT NOT NULL,
    at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE alert_silence (
    id TEXT PRIMARY KEY,
    matchers TEXT NOT NULL,
    starts_at REAL NOT NULL,
    ends_at REAL NOT NULL,
    author TEXT NOT NULL,
    comment TEXT NOT NULL,
    created_at REAL NOT NULL,
    ended_by TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX alert_silence_by_end ON alert_silence (ends_at);
CREATE TABLE alert_change (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    fingerprint TEXT NOT NULL,
    rule TEXT NOT NULL,
    target TEXT NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX alert_change_by_time ON alert_change (at);
CREATE INDEX alert_change_by_alert ON alert_change (fingerprint, id);
CREATE TABLE alert_evidence (
    fingerprint TEXT NOT NULL,
    at REAL NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (fingerprint, at)
) WITHOUT ROWID;
CREATE INDEX alert_evidence_by_time ON alert_evidence (at);
-- Who evaluates: one row. Each write of the holder names its fence, and a later holder has a higher one.
CREATE TABLE alert_lease (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    fence INTEGER NOT NULL,
    holder TEXT NOT NULL,
    boot TEXT NOT NULL,
    beat INTEGER NOT NULL,
    steady REAL NOT NULL,
    at REAL NOT NULL,
    evaluated_at REAL
);

-- What is told to whom: groups and what their channel knows of each alert, messages on their way, and the ledger of tries.
CREATE TABLE notice_group (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    opened_at REAL NOT NULL,
    sent_at REAL,
    due_at REAL,
    message TEXT,
    UNIQUE (channel, name)
);
CREATE INDEX notice_group_by_due ON notice_group (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notice_group_by_message ON notice_group (message) WHERE message IS NOT NULL;
CREATE TABLE notice_member (
    fingerprint TEXT NOT NULL,
    notice_group INTEGER NOT NULL REFERENCES notice_group (id),
    told TEXT NOT NULL DEFAULT '',
    alert TEXT NOT NULL,
    PRIMARY KEY (fingerprint, notice_group)
) WITHOUT ROWID;
CREATE INDEX notice_member_by_group ON notice_member (notice_group);
CREATE TABLE notice_message (
    id TEXT PRIMARY KEY,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    urgency INTEGER NOT NULL,
    made_at REAL NOT NULL,
    due_at REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    ended_at REAL,
    title TEXT NOT NULL,
    tells TEXT NOT NULL,
    body TEXT
) WITHOUT ROWID;
CREATE INDEX notice_message_by_channel ON notice_message (channel, state, due_at);
CREATE INDEX notice_message_by_age ON notice_message (made_at);
CREATE TABLE notice_attempt (
    id INTEGER PRIMARY KEY,
    message TEXT NOT NULL,
    channel TEXT NOT NULL,
    at REAL NOT NULL,
    is_delivered INTEGER NOT NULL,
    answer TEXT NOT NULL
);
CREATE INDEX notice_attempt_by_age ON notice_attempt (at);
CREATE INDEX notice_attempt_by_message ON notice_attempt (message);
CREATE TABLE notice_channel (
    channel TEXT PRIMARY KEY,
    failures INTEGER NOT NULL DEFAULT 0,
    failing_since REAL,
    blocked_until REAL,
    answer TEXT NOT NULL DEFAULT '',
    delivered_at REAL
) WITHOUT ROWID;
CREATE TABLE notice_escalation (
    fingerprint TEXT NOT NULL,
    after_seconds REAL NOT NULL,
    due_at REAL NOT NULL,
    channels TEXT NOT NULL,
    PRIMARY KEY (fingerprint, after_seconds, channels)
) WITHOUT ROWID;
CREATE INDEX notice_escalation_by_due ON notice_escalation (due_at);

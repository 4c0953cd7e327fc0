CREATE TABLE layout (
    id INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    tier TEXT NOT NULL,
    keys TEXT NOT NULL,
    UNIQUE (target, tier, keys)
);
CREATE TABLE rollup (
    id INTEGER PRIMARY KEY,
    layout INTEGER NOT NULL REFERENCES layout (id),
    since REAL NOT NULL,
    until REAL NOT NULL,
    step_seconds REAL NOT NULL,
    windows INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX rollup_by_time ON rollup (layout, until);
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    target TEXT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX event_by_time ON event (at);

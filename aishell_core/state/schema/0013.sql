-- A rule on one target that whoever has the target does not go by, and the number of who judges it there instead.
CREATE TABLE alert_share (
    target TEXT NOT NULL,
    rule TEXT NOT NULL,
    fence INTEGER NOT NULL,
    PRIMARY KEY (target, rule)
) WITHOUT ROWID;
CREATE INDEX alert_share_by_fence ON alert_share (fence);

-- Since when no program that looks has a channel in its configuration; null while one has.
ALTER TABLE notice_channel ADD COLUMN missing_since REAL;

-- Whether a receiver was told the beginning of what it is to hear the end of, also where it is to be told that anew (`told` is empty then).
ALTER TABLE notice_member ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;
UPDATE notice_member SET heard = 1 WHERE told <> '';

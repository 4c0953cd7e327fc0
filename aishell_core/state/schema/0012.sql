-- The rules by which a program judges, one name a line; '' where it does not say.
ALTER TABLE alert_judge ADD COLUMN rules TEXT NOT NULL DEFAULT '';

-- Dropping what is too old must not look at every row of a large fleet.
CREATE INDEX rollup_by_age ON rollup (until);

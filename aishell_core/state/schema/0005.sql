-- Which fine windows are due to be condensed must not be searched for among those of a month.
CREATE INDEX rollup_fine_by_age ON rollup (until) WHERE step_seconds < 300;

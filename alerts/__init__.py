"""Judging and telling: rules over the figures of all targets, the life of each alert, and its way to a human."""

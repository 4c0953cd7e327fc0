"""Unit tests of rules: invented series, a look at moments, and what differs from what was expected."""

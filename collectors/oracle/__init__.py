"""Reading Oracle."""

"""Reading MongoDB."""

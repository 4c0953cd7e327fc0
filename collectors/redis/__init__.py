"""Reading Redis and Valkey."""

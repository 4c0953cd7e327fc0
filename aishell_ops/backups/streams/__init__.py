"""From an engine's bytes to a stored part and back: hashed, made smaller, encrypted, with bounded memory."""

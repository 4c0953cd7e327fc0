"""The language of conditions: small, typed, without any way to run code."""

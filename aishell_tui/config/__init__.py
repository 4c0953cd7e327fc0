"""The configuration: files, checking and where each value came from."""

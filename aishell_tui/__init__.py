"""The application: configuration, runtime, commands, screens."""

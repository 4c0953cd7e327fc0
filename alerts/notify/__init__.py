"""Telling people: grouping, a queue that survives, senders, text. `notifier.Notifier` is what the service calls."""

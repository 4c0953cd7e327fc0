"""Cancelling statements and ending sessions: planned, decided on, recorded and carried out one by one."""

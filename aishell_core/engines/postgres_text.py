"""Texts of a PostgreSQL server as proper Unicode, whatever encoding its databases have."""

from __future__ import annotations

TEXT_TYPES = ((25, "text"), (19, "name"), (1043, "varchar"), (1042, "bpchar"), (705, "unknown"), (2275, "cstring"))
"""The types that carry names and statements, by object id."""


def decode_text(data: bytes) -> str:
    """A text of the server; bytes that are no UTF-8 become replacement characters."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def encode_text(text: str) -> bytes:
    """A text for the server; lone surrogates, which no encoding has, become question marks."""
    return str(text).encode("utf-8", "replace")

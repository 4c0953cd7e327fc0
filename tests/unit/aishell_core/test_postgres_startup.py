"""The first message to a PostgreSQL server with a database's name as bytes."""

from __future__ import annotations

import struct

import pytest

from aishell_core.engines.postgres_startup import is_plain, stand_in, with_database


def _message(*words: bytes, protocol: int = 196608) -> bytes:
    body = b"".join(word + b"\0" for word in words) + b"\0"
    return struct.pack("!ii", len(body) + 8, protocol) + body


def test_the_database_is_replaced_and_nothing_else() -> None:
    """Also where the role is named like the word for the database, and where the name becomes longer."""
    sent = _message(b"user", b"database", b"database", b"caf?", b"options", b"-c a=database")
    assert with_database(sent, b"caf\xe9 noir") == _message(
        b"user", b"database", b"database", b"caf\xe9 noir", b"options", b"-c a=database"
    )


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"Q\0\0\0\x0cSELECT 1",
        _message(b"database", b"x", protocol=80877102),
        _message(b"database", b"x") + b"more",
        struct.pack("!ii", 8, 80877103),
    ],
)
def test_any_other_message_is_left_as_it_is(message: bytes) -> None:
    assert with_database(message, b"caf\xe9") == message


def test_a_name_of_odd_bytes_is_known_and_has_a_stand_in() -> None:
    assert (is_plain("café"), is_plain("caf\udce9")) == (True, False)
    assert (stand_in("café"), stand_in("caf\udce9")) == ("café", "caf?")

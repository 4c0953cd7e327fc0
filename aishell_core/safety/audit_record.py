"""One line of the audit log: what it holds, and the chain that binds it to the line before; pure."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

Field = None | bool | int | float | str | list["Field"] | dict[str, "Field"]

FIRST_PREVIOUS = "0" * 64
"""What the first record of a log names as its predecessor."""

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
"""How a record's time is written, UTC."""

# The signature is over the bytes before it as they stand, so that not even a space can change unnoticed.
_LINE = re.compile(rb'(\{.*),"mac":"([0-9a-f]{64})"\}', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a log, each derived from the one secret for a purpose of its own."""

    chain: bytes
    head: bytes
    literals: bytes

    def __repr__(self) -> str:
        return "Keys(***)"


def derive_keys(secret: bytes) -> Keys:
    """The keys that belong to a secret (HMAC-SHA256 of each purpose's name)."""
    return Keys(*(hmac.digest(secret, purpose, "sha256") for purpose in (b"chain", b"head", b"literals")))


@dataclass(frozen=True, slots=True)
class Record:
    """A line that proved to be genuine: its place in the chain, its signature and what it says."""

    sequence: int
    previous: str
    mac: str
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Link:
    """The end of a chain: the sequence number of its last record (0 before the first) and that record's signature."""

    sequence: int = 0
    mac: str = FIRST_PREVIOUS


def encode(after: Link, fields: Mapping[str, Field], keys: Keys) -> tuple[bytes, Link]:
    """The line that follows a link, with its line end, and the link that it makes; ASCII alone, whatever the texts hold."""
    whole = {"seq": after.sequence + 1, **fields, "previous": after.mac}
    body = json.dumps(whole, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")[:-1]
    mac = hmac.new(keys.chain, body, hashlib.sha256).hexdigest()
    return b'%s,"mac":"%s"}\n' % (body, mac.encode("ascii")), Link(after.sequence + 1, mac)


def decode(line: bytes, keys: Keys) -> Record | None:
    """The record of a line without its line end; None unless every byte of it is as it was written."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    mac = hmac.new(keys.chain, match[1], hashlib.sha256).hexdigest()
    if not hmac.compare_digest(mac.encode("ascii"), match[2]):
        return None
    fields = cast("dict[str, Field]", json.loads(line))
    sequence, previous = fields.pop("seq"), fields.pop("previous")
    del fields["mac"]
    return Record(cast(int, sequence), cast(str, previous), mac, fields)


def moment_of(record: Record) -> datetime:
    """When a record was written, by the clock of that moment (UTC)."""
    return datetime.strptime(str(record.fields["time"]), TIME_FORMAT).replace(tzinfo=UTC)


def torn_note(left: bytes) -> dict[str, Field]:
    """What a record says of bytes that a crash has left before it: how many, and their digest, so that they cannot change either."""
    return {"bytes": len(left), "sha256": hashlib.sha256(left).hexdigest()}

"""The head of the audit log: where its chain ends, signed and kept apart, so that lines missing at its end are noticed.

A file of two slots that are written in turn and in place: a crash leaves the older one, and a full disk has room for it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from aishell_core.safety.audit_record import FIRST_PREVIOUS, Keys, Link

_SLOT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Head:
    """The last record and the number and size (bytes) of the segment that it ends; the first record still kept.

    `turn` counts the writings. `first_previous` is the signature before the first record that is kept.
    """

    turn: int = 0
    sequence: int = 0
    mac: str = FIRST_PREVIOUS
    segment: int = 1
    size: int = 0
    first_segment: int = 1
    first_sequence: int = 1
    first_previous: str = FIRST_PREVIOUS

    @property
    def link(self) -> Link:
        """The end of the chain."""
        return Link(self.sequence, self.mac)

    @property
    def first_link(self) -> Link:
        """What comes before the first record that is kept."""
        return Link(self.first_sequence - 1, self.first_previous)

    def moved(self, link: Link, segment: int, size: int) -> Head:
        """The head after a record was added."""
        return replace(self, turn=self.turn + 1, sequence=link.sequence, mac=link.mac, segment=segment, size=size)


@dataclass(frozen=True, slots=True)
class FoundHead:
    """The head that was read, None where neither slot is genuine, and whether both slots are as they were written."""

    head: Head | None
    whole: bool


def write_head(path: Path, head: Head, keys: Keys) -> None:
    """Write a head into its slot and onto the disk; raises OSError."""
    body = json.dumps(asdict(head), separators=(",", ":")).encode("ascii")
    signature = hmac.new(keys.head, body, hashlib.sha256).hexdigest().encode("ascii")
    slot = (signature + body).ljust(_SLOT_BYTES - 1) + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        # The first writing fills both slots, so that later ones find their room on a full disk.
        at, text = (0, slot + slot) if head.turn == 0 else (head.turn % 2 * _SLOT_BYTES, slot)
        if os.pwrite(descriptor, text, at) != len(text):
            raise OSError(28, os.strerror(28), str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_head(path: Path, keys: Keys) -> FoundHead:
    """The newest genuine head of a file; raises OSError where there is no file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        content = os.read(descriptor, 3 * _SLOT_BYTES)
    finally:
        os.close(descriptor)
    slots = [content[start : start + _SLOT_BYTES] for start in (0, _SLOT_BYTES)]
    found = [_read_slot(slot, keys) for slot in slots]
    heads = [head for head in found if head is not None]
    if not heads:
        return FoundHead(None, whole=False)
    newest = max(heads, key=lambda head: head.turn)
    expected = [max(0, newest.turn - (newest.turn + place) % 2) for place in (0, 1)]
    whole = [head.turn if head is not None else -1 for head in found] == expected
    return FoundHead(newest, whole and len(content) == 2 * _SLOT_BYTES)


def _read_slot(slot: bytes, keys: Keys) -> Head | None:
    signature, body = slot[:64], slot[64:].rstrip(b" \n")
    expected = hmac.new(keys.head, body, hashlib.sha256).hexdigest().encode("ascii")
    if len(slot) != _SLOT_BYTES or slot[64 + len(body) :] != b" " * (_SLOT_BYTES - 65 - len(body)) + b"\n":
        return None
    return Head(**json.loads(body)) if hmac.compare_digest(signature, expected) else None

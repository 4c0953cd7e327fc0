"""What stands in a snapshot of Redis: its keys one by one, its functions; and what is counted of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple, Protocol

from aishell_ops.backups.engines.redis_reader import RdbReader
from aishell_ops.backups.engines.redis_values import DIGEST_BYTES, MODULE, family_of, feed_value, module_name, skip_module, skip_value
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.models import ObjectProof, ProofLevel

_FORM = re.compile(rb"(?:REDIS\d{4}|VALKEY\d{3})")
_ALL = 1 << (8 * DIGEST_BYTES)
_KEY_META, _SLOT_INFO, _FUNCTION, _MODULE_AUX, _IDLE, _FREQUENCY, _AUX = 243, 244, 245, 247, 248, 249, 250
_SIZES, _EXPIRES_MS, _EXPIRES, _DATABASE, _END = 251, 252, 253, 254, 255
_FIRST_OPCODE = 240
ALL_KEYS = "keys"
"""The object that counts all keys, so that an empty server is proven too."""


class Key(NamedTuple):
    """A key whose value comes next. `expires_at_ms` is None for one that stays; `described` by a module beside its value."""

    database: int
    name: bytes
    kind: int
    expires_at_ms: int | None
    idle_seconds: int | None
    frequency: int | None
    described: bool


class Taker(Protocol):
    """What takes the contents of a snapshot."""

    def key(self, key: Key, reader: RdbReader, form: str) -> None:
        """Take a key, and read its value to its end."""

    def function(self, code: bytes) -> None:
        """Take a library of functions."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a snapshot ended: its format, and the checksum that stands behind it (0 where the server made none)."""

    form: str
    checksum: int

    @property
    def version(self) -> int:
        """The number of the format."""
        return version_of(self.form)


def version_of(form: str) -> int:
    """The number in REDIS0011 or VALKEY080."""
    return int(form.lstrip("REDISVALKY"))


def walk(reader: RdbReader, taker: Taker) -> Ending:
    """Read a snapshot to its end; raises DamagedError, and BackupError for what is not known here."""
    try:
        return _walk(reader, taker)
    except (IndexError, OverflowError, ValueError) as error:
        # Numbers that no server writes, and lists that end too early.
        raise DamagedError(f"the snapshot is damaged before byte {reader.offset}") from error


def _walk(reader: RdbReader, taker: Taker) -> Ending:
    head = reader.take(9)
    if not _FORM.fullmatch(head):
        raise DamagedError("this is no snapshot of Redis or Valkey")
    form, database = head.decode(), 0
    expires: int | None = None
    idle: int | None = None
    frequency: int | None = None
    described = False
    while True:
        code = reader.byte()
        if code < _FIRST_OPCODE:
            taker.key(Key(database, reader.string(), code, expires, idle, frequency, described), reader, form)
            expires = idle = frequency = None
            described = False
        elif code == _EXPIRES_MS:
            expires = int.from_bytes(reader.take(8), "little", signed=True)
        elif code == _EXPIRES:
            expires = 1000 * int.from_bytes(reader.take(4), "little", signed=True)
        elif code == _IDLE:
            idle = reader.length()
        elif code == _FREQUENCY:
            frequency = reader.byte()
        elif code == _DATABASE:
            database = reader.length()
        elif code == _FUNCTION:
            taker.function(reader.string())
        elif code == _KEY_META and form.startswith("REDIS"):
            described = True
            _skip_description(reader)
        elif code == _END:
            return Ending(form, int.from_bytes(reader.take(8), "little"))
        else:
            _skip(reader, code, form)


def _skip(reader: RdbReader, code: int, form: str) -> None:
    """Pass over what says nothing about the contents."""
    if code == _AUX:
        reader.skip_string()
        reader.skip_string()
    elif code == _SIZES:
        reader.length()
        reader.length()
    elif code == _SLOT_INFO:
        for _ in range(3):
            reader.length()
    elif code == _MODULE_AUX:
        reader.length()
        skip_module(reader)
    else:
        raise BackupError(
            f"the snapshot ({form}) holds what this version of aishell does not know: code {code} at byte {reader.offset}",
            "save it with --proof none: it is checked by its checksum then, and not counted",
        )


def _skip_description(reader: RdbReader) -> None:
    """Pass over what modules say of a key."""
    for _ in range(reader.length()):
        reader.skip(4)
        skip_module(reader)


@dataclass(slots=True)
class _Count:
    rows: int = 0
    total: int = 0
    hashed: bool = True

    def add(self, digest: bytes) -> None:
        self.total = (self.total + int.from_bytes(digest, "little")) % _ALL


@dataclass(slots=True)
class Census:
    """Counts the keys of a snapshot per database and type, and hashes them where that is wanted; their order does not matter."""

    level: ProofLevel
    _counts: dict[tuple[int, str], _Count] = field(default_factory=dict)
    _functions: _Count = field(default_factory=_Count)
    _expiring: dict[int, int] = field(default_factory=dict)

    def key(self, key: Key, reader: RdbReader, form: str) -> None:
        """Count a key."""
        family = family_of(key.kind)
        if key.kind == MODULE:
            family = f"module {module_name(reader.length())}"
            skip_module(reader)
        count = self._counts.get((key.database, family or ""))
        if count is None:
            count = self._counts.setdefault((key.database, family or ""), _Count())
        count.rows += 1
        if key.expires_at_ms is not None:
            self._expiring[key.database] = self._expiring.get(key.database, 0) + 1
        if key.kind == MODULE:
            count.hashed = False
        elif self.level is ProofLevel.FULL:
            one = blake2b(len(key.name).to_bytes(8, "little") + key.name, digest_size=DIGEST_BYTES)
            one.update((-1 if key.expires_at_ms is None else key.expires_at_ms).to_bytes(8, "little", signed=True))
            feed_value(reader, key.kind, form, one)
            count.add(one.digest())
        else:
            skip_value(reader, key.kind, form)

    def function(self, code: bytes) -> None:
        """Count a library of functions."""
        self._functions.rows += 1
        self._functions.add(blake2b(code, digest_size=DIGEST_BYTES).digest())

    @property
    def databases(self) -> tuple[int, ...]:
        """Those that hold anything."""
        return tuple(sorted({database for database, _ in self._counts}))

    def proofs(self) -> tuple[ObjectProof, ...]:
        """What was counted, by name."""
        found = [ObjectProof(ALL_KEYS, sum(count.rows for count in self._counts.values()))]
        found += [self._proof(f"db{database} {family}", count) for (database, family), count in sorted(self._counts.items())]
        found += [ObjectProof(f"db{database} expiring", rows) for database, rows in sorted(self._expiring.items())]
        if self._functions.rows:
            found.append(self._proof("functions", self._functions))
        return tuple(found)

    def _proof(self, name: str, count: _Count) -> ObjectProof:
        hashed = self.level is ProofLevel.FULL and count.hashed
        return ObjectProof(name, count.rows, f"{count.total:0{2 * DIGEST_BYTES}x}" if hashed else None)


def databases_in(objects: Iterable[ObjectProof]) -> tuple[int, ...]:
    """The databases that proofs speak of."""
    numbers = {int(found[1]) for proof in objects if (found := re.match(r"db(\d+) ", proof.name))}
    return tuple(sorted(numbers))

"""Taking all data of a Redis or Valkey server as a replica does: the server's own snapshot (RDB) of one moment, as it flows.

https://redis.io/docs/latest/operate/oss_and_stack/management/replication/
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aishell_core.engines.redis_errors import RedisError, acl_grant, told
from aishell_core.engines.redis_wire import Refused, Wire, packed
from aishell_core.values import FailureCode

_MARK_BYTES = 40
_MAGIC_BYTES = 9
_MAGIC = re.compile(rb"(REDIS|VALKEY)(\d{3,4})")
_UNKNOWN = re.compile("unknown command|unknown subcommand", re.IGNORECASE)
_PENDING = "pending output"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a server said when it began its snapshot: the place in its stream of changes, and the version of the format.

    `replid` and `offset` are those of FULLRESYNC; `format` is as the snapshot begins, such as REDIS0011 or VALKEY080.
    """

    replid: str
    offset: int
    format: str


def expect_replication(wire: Wire) -> None:
    """Look whether this user may be a replica, and begin none; raises RedisError with the grant, or saying that nobody may.

    A server checks rights before it refuses PSYNC to a connection that has answers waiting, as both commands sent at once make
    it have. https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
    """
    wire.send(packed(("REPLCONF", "capa", "eof")) + packed(("PSYNC", "?", "-1")))
    for _ in range(2):
        answer = wire.answer()
        if isinstance(answer, Refused) and _PENDING not in answer.said:
            raise _refusal(answer, wire)


class ReplicaStream:
    """A snapshot that the server sends: `begin`, then `read` to its end. Raises RedisError when it breaks before that."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._left = 0
        self._mark = b""
        self._held = b""
        self._tail = b""
        self._ended = False

    def begin(self, version: str = "") -> Snapshot:
        """Ask for a snapshot and wait until the server has begun it.

        `version` is said to be our own: Valkey gives its newer format only to who claims to know it.
        """
        wire = self._wire
        answer = wire.try_ask("REPLCONF", "capa", "eof")
        if isinstance(answer, Refused):
            raise _refusal(answer, wire)
        # Without an address no sentinel takes us for a replica that it would remember for ever.
        wished = [("ip-address", ""), ("rdb-only", "1"), *([("version", version)] if version else [])]
        for wish in wished:
            # Older servers do not know all of them; nothing of it is needed.
            wire.try_ask("REPLCONF", *wish)
        wire.send(packed(("PSYNC", "?", "-1")))
        line = self._line()
        if line.startswith(b"-"):
            raise _refusal(Refused(line[1:].decode("utf-8", "backslashreplace")), wire)
        words_of = line.decode("ascii", "replace").split()
        if len(words_of) < 3 or words_of[0] != "+FULLRESYNC" or not words_of[2].lstrip("-").isdecimal():
            raise _strange(wire, line)
        self._frame(self._line())
        self._held = self._head()
        return Snapshot(words_of[1], int(words_of[2]), self._held[:_MAGIC_BYTES].decode("ascii"))

    def _line(self) -> bytes:
        """The next line that is none of the empty ones by which the server says that it is still at work."""
        while not (line := self._wire.line()):
            pass
        return line

    def _frame(self, line: bytes) -> None:
        """How the end of the snapshot will be known: by its length, or by a mark that stands behind it."""
        if line.startswith(b"$EOF:") and len(line) == 5 + _MARK_BYTES:
            self._mark = line[5:]
        elif line.startswith(b"$") and line[1:].isdigit():
            self._left = int(line[1:])
        else:
            raise _strange(self._wire, line)

    def _head(self) -> bytes:
        found = b""
        while len(found) < _MAGIC_BYTES and (piece := self._next()):
            found += piece
        if not _MAGIC.fullmatch(found[:_MAGIC_BYTES]):
            raise _strange(self._wire, found[:_MAGIC_BYTES])
        return found

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of it, empty at its end alone."""
        if not self._held:
            self._held = self._next()
        found, self._held = self._held[:size], self._held[size:]
        return found

    def _next(self) -> bytes:
        """What comes next of the snapshot; empty at its end."""
        try:
            return self._until_mark() if self._mark else self._of_length()
        except RedisError as error:
            if error.reason is FailureCode.TIMEOUT:
                raise
            raise _thrown_out(self._wire) from error

    def _of_length(self) -> bytes:
        if not self._left:
            return b""
        piece = self._wire.some()
        # What may follow is the stream of changes, which nobody wants here.
        piece = piece[: self._left]
        self._left -= len(piece)
        return piece

    def _until_mark(self) -> bytes:
        """As much as cannot be part of the mark any more."""
        while not self._ended:
            self._tail += self._wire.some()
            if self._tail.endswith(self._mark):
                self._ended = True
                found, self._tail = self._tail[:-_MARK_BYTES], b""
                return found
            if len(self._tail) > _MARK_BYTES:
                found, self._tail = self._tail[:-_MARK_BYTES], self._tail[-_MARK_BYTES:]
                return found
        return b""


def _refusal(answer: Refused, wire: Wire) -> RedisError:
    """Why a server gives no snapshot, in plain words."""
    said, address = answer.said, wire.where.address
    if said.startswith("NOPERM"):
        error = told(said, wire.where, "psync")
        return RedisError(error.reason, error.message, acl_grant(wire.where.name, "psync", "replconf"), error.word)
    if _UNKNOWN.search(said):
        return RedisError(
            FailureCode.UNSUPPORTED,
            f"{address} gives its data to no replica of ours: it does not know REPLCONF and PSYNC",
            "managed servers keep them to themselves: make the backup with the provider's own snapshots",
        )
    if said.startswith("NOMASTERLINK"):
        return RedisError(
            FailureCode.LOCKED,
            f"{address} is a replica that has lost its primary, and gives no snapshot",
            "save its primary, or mend the link to it (INFO replication)",
        )
    return told(said, wire.where, "psync")


def _thrown_out(wire: Wire) -> RedisError:
    return RedisError(
        FailureCode.REFUSED,
        f"the connection to {wire.where.address} broke before its snapshot was whole",
        "its log says why: it was stopped, could not fork (overcommit_memory), or ended a slow replica (client-output-buffer-limit)",
    )


def _strange(wire: Wire, said: bytes) -> RedisError:
    words = said[:60].decode("ascii", "backslashreplace")
    return RedisError(FailureCode.UNSUPPORTED, f"{wire.where.address} does not answer as a primary does: {words}")


__all__ = ["ReplicaStream", "Snapshot", "expect_replication"]

"""Putting a snapshot into a running server: key by key into spare databases, which then change places with the old ones at once.

SWAPDB within MULTI is one step for everybody who looks: before it the old data are there, after it the new. What an interrupted
restore leaves are keys in spare databases, which carry a mark. https://redis.io/docs/latest/commands/swapdb/
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aishell_core.engines.redis_errors import told
from aishell_core.engines.redis_text import info_of, pairs_in
from aishell_core.engines.redis_wire import Refused, Wire, packed
from aishell_ops.backups.engines.redis_checksum import Checksum, checksum
from aishell_ops.backups.engines.redis_rdb import Key, version_of, walk
from aishell_ops.backups.engines.redis_reader import RdbReader
from aishell_ops.backups.engines.redis_server import Server
from aishell_ops.backups.engines.redis_values import skip_value
from aishell_ops.backups.errors import BackupError, BusyError
from aishell_ops.backups.holder import lives, own_holder
from aishell_ops.backups.manifest import decode, encode
from aishell_ops.backups.models import Holder
from aishell_ops.backups.streams.contract import Progress, Stop, Stride
from aishell_ops.backups.streams.stopping import expect_wanted

MARK = "aishell:restoring"
"""A key in a spare database that is being filled, with who does it; nothing else is ever in such a database."""
ALIVE = "aishell:restoring:alive"
"""Beside it as long as somebody fills it."""
_ALIVE_SECONDS = 120
_BEAT_SECONDS = 20.0
_BATCH_BYTES = 1 << 20
_BATCH_KEYS = 512
_LOOK_SECONDS = 0.1
_POSTPONED_SECONDS = 5.0
"""The server keeps what belongs into its AOF back for two seconds at most; the buffer of a busy one is never seen empty."""
_STILL_SECONDS = 2.0
"""How long a server that was asked for a snapshot does nothing before it is asked again."""
_MOST_TRIES = 5
_FUNCTION = 245
_FOOTER_BYTES = 10


@dataclass(frozen=True, slots=True)
class Stagings:
    """Databases that restores have filled and not put in their places: of those who died, and of those at work."""

    left: tuple[int, ...] = ()
    alive: tuple[int, ...] = ()


def look_for_stagings(wire: Wire, server: Server) -> Stagings:
    """Find databases that carry the mark; raises RedisError."""
    left: list[int] = []
    alive: list[int] = []
    for database in sorted(server.keys):
        wire.ask("SELECT", database)
        if wire.ask("EXISTS", MARK):
            (alive if wire.ask("EXISTS", ALIVE) and _may_live(wire) else left).append(database)
    wire.ask("SELECT", 0)
    return Stagings(tuple(left), tuple(alive))


def _may_live(wire: Wire) -> bool:
    """Whether whoever fills the database may still be at it; a user without GET, and another machine, wait until its sign of life ends."""
    content = wire.try_ask("GET", MARK)
    try:
        return not isinstance(content, bytes) or lives(decode(Holder, content, MARK)) is not False
    except BackupError:
        return True


def spare_databases(wanted: Sequence[int], used: Collection[int], databases: int) -> Mapping[int, int] | None:
    """For each database that is wanted an empty one that nobody uses or wants, the highest first; None where there are too few.

    In a server that is empty the wanted ones themselves will do where no others are left.
    """
    free = [number for number in reversed(range(databases)) if number not in used and number not in wanted]
    if len(free) >= len(wanted):
        return dict(zip(wanted, free, strict=False))
    return None if used else {number: number for number in wanted}


@dataclass(slots=True)
class _Tally:
    staying: int = 0
    expiring: int = 0


@dataclass(slots=True)
class Staging:
    """Fills spare databases with a snapshot; `fill`, then `publish`, or `clear`. Raises RedisError and BackupError."""

    wire: Wire
    server: Server
    spares: Mapping[int, int]
    _tallies: dict[int, _Tally] = field(default_factory=dict)
    _libraries: list[bytes] = field(default_factory=list)
    _form: str = ""
    _beaten: float = 0.0

    def begin(self) -> None:
        """Mark the spare databases as those of a restore; raises BusyError when another one has been faster."""
        mine: dict[int, int] = {}
        holder = encode(own_holder("restoring"))
        for database, spare in self.spares.items():
            self._select(spare)
            if self.wire.ask("SET", MARK, holder, "NX") is None:
                self.spares = mine
                self.clear()
                raise BusyError("another restore into this server is under way", f"it fills database {spare}; wait for its end")
            self.wire.ask("SET", ALIVE, "1", "EX", _ALIVE_SECONDS)
            mine[database] = spare
        self._beaten = time.monotonic()

    def fill(self, path: Path, part: str, progress: Progress, stop: Stop) -> None:
        """Put every key of a snapshot into its spare database, as RESTORE takes it."""
        with path.open("rb", buffering=0) as file:
            filler = _Filler(self, file.fileno(), part, progress, stop)
            self._form = walk(RdbReader(file), filler).form
            filler.flush()
        self._compare()

    def _select(self, database: int) -> None:
        self.wire.ask("SELECT", database)

    def beat(self, current: int | None) -> None:
        """Say now and then that somebody is at work."""
        if time.monotonic() - self._beaten < _BEAT_SECONDS:
            return
        self._beaten = time.monotonic()
        for spare in self.spares.values():
            self._select(spare)
            if not self.wire.ask("EXPIRE", ALIVE, _ALIVE_SECONDS):
                raise _taken(spare)
        if current is not None:
            self._select(current)

    def count(self, database: int, *, expiring: bool) -> None:
        """Remember that a key was sent."""
        tally = self._tallies.setdefault(database, _Tally())
        if expiring:
            tally.expiring += 1
        else:
            tally.staying += 1

    def keep_library(self, code: bytes) -> None:
        """Remember a library of functions."""
        self._libraries.append(code)

    def _compare(self) -> None:
        """Raise BackupError when the spare databases do not hold what was sent; keys whose time has come may be gone."""
        info = info_of(self.wire.ask("INFO", "keyspace"))
        for database, spare in self.spares.items():
            found = pairs_in(info.get(f"db{spare}", ""))
            keys, expiring = int(found.get("keys", "0")), int(found.get("expires", "0"))
            tally = self._tallies.get(database, _Tally())
            staying, most = tally.staying + 1, tally.expiring + 1
            if keys - expiring != staying or expiring > most:
                raise BackupError(
                    f"database {spare}, where the restore is prepared, holds {keys - expiring - 1} keys that stay,"
                    f" and {tally.staying} were sent",
                    "the server evicts keys (maxmemory), or somebody writes into that database",
                )

    def publish(self) -> None:
        """Let the spare databases change places with the old ones, and empty all others: one step for everybody who looks."""
        now = info_of(self.wire.ask("INFO", "keyspace"))
        used = {int(name[2:]) for name in now if name.startswith("db") and name[2:].isdigit()}
        commands: list[tuple[str | bytes | int, ...]] = []
        for database, spare in self.spares.items():
            commands += [("SELECT", spare), ("DEL", MARK, ALIVE)]
            if spare != database:
                commands.append(("SWAPDB", database, spare))
        for other in sorted((used | set(self.spares.values())) - set(self.spares)):
            commands += [("SELECT", other), ("FLUSHDB", "ASYNC")]
        if self.server.release >= (7, 0):
            commands.append(("FUNCTION", "RESTORE", self._library_payload(), "FLUSH") if self._libraries else ("FUNCTION", "FLUSH"))
        for spare in self.spares.values():
            # Whoever has emptied it meanwhile has removed the mark too: then nothing is exchanged.
            self._select(spare)
            self.wire.ask("WATCH", MARK)
            if not self.wire.ask("EXISTS", MARK):
                raise _taken(spare)
        self.wire.ask("MULTI")
        for command in commands:
            self.wire.ask(*command)
        answers = self.wire.ask("EXEC")
        refused = [answer for answer in answers or () if isinstance(answer, Refused)]
        if answers is None:
            raise _taken(next(iter(self.spares.values())))
        if refused:
            raise told(refused[0].said, self.wire.where, "exec")

    def _library_payload(self) -> bytes:
        """The functions as FUNCTION DUMP writes them: what stands in the snapshot, the format's version, a checksum."""
        content = b"".join(bytes([_FUNCTION]) + _length(len(code)) + code for code in self._libraries)
        return content + _footer(content, version_of(self._form))

    def keep_on_disk(self) -> None:
        """Have the server bring it to its disk: to its AOF where it keeps one, and as a snapshot where it makes such.

        Raises BackupError when it cannot; the data are in their place all the same.
        """
        self._keep_in_log()
        saves = self.wire.try_ask("CONFIG", "GET", "save")
        if not isinstance(saves, Refused) and saves[1:2] in ([b""], []):
            return
        before, is_asked, tries, still_since = self._saved(), self._ask_to_save(), 1, time.monotonic()
        while True:
            info, now = info_of(self.wire.ask("INFO", "persistence")), time.monotonic()
            if info.get("rdb_bgsave_in_progress") != "0" or info.get("aof_rewrite_in_progress") != "0":
                still_since = now
            elif info.get("rdb_last_bgsave_status") != "ok":
                raise _unsaved("its log says why")
            elif info.get("rdb_changes_since_last_save") == "0" or (is_asked and self._saved() != before):
                return
            elif not is_asked or now - still_since > _STILL_SECONDS:
                # One that was under way has begun before this; and of two in one second the time does not tell which was the later.
                if tries >= _MOST_TRIES:
                    raise _unsaved(f"it began no snapshot though it was asked {tries} times")
                before, is_asked, tries, still_since = self._saved(), self._ask_to_save(), tries + 1, now
            time.sleep(_LOOK_SECONDS)

    def _ask_to_save(self) -> bool:
        """Have it make a snapshot; False while one is under way, which may be without what was just restored."""
        answer = self.wire.try_ask("BGSAVE", "SCHEDULE")
        if isinstance(answer, Refused) and "in progress" not in answer.said:
            raise _unsaved(answer.said)
        return not isinstance(answer, Refused)

    def _keep_in_log(self) -> None:
        """Wait until its AOF has all of this: it answers before that while its disk is busy with what came earlier."""
        until = time.monotonic() + _POSTPONED_SECONDS
        while (info := info_of(self.wire.ask("INFO", "persistence"))).get("aof_enabled") == "1":
            if info.get("aof_last_write_status", "ok") != "ok":
                raise _unsaved("its log says why")
            if (info.get("aof_buffer_length", "0"), info.get("aof_pending_bio_fsync", "0")) == ("0", "0") or time.monotonic() > until:
                return
            time.sleep(_LOOK_SECONDS)

    def _saved(self) -> int:
        return int(info_of(self.wire.ask("INFO", "persistence")).get("rdb_last_save_time", "0"))

    def clear(self) -> None:
        """Empty the spare databases; raises RedisError."""
        for spare in self.spares.values():
            self._select(spare)
            self.wire.ask("FLUSHDB", "ASYNC")
        self._select(0)


@dataclass(frozen=True, slots=True)
class _Value:
    """A value as it stands in the file of a snapshot, and as RESTORE takes it."""

    file: int
    kind: int
    begin: int
    end: int
    version: int

    @property
    def size_bytes(self) -> int:
        """How much RESTORE takes."""
        return 1 + self.end - self.begin + _FOOTER_BYTES

    def pieces(self) -> Iterator[bytes]:
        """The kind, the value, the format's version and a checksum of all before it."""
        check = Checksum() if self.size_bytes > _BATCH_BYTES else None
        known = bytes([self.kind])
        for begin in range(self.begin, self.end, _BATCH_BYTES):
            known += os.pread(self.file, min(self.end - begin, _BATCH_BYTES), begin)
            if check is not None:
                check.add(known)
                yield known
                known = b""
        if check is None:
            yield known + _footer(known, self.version)
            return
        known += self.version.to_bytes(2, "little")
        check.add(known)
        yield known + check.value().to_bytes(8, "little")


class _Filler:
    """Sends the keys of a snapshot, as they stand in its file, in batches."""

    def __init__(self, staging: Staging, file: int, part: str, progress: Progress, stop: Stop) -> None:
        self._stop = stop
        self._staging = staging
        self._file = file
        self._part = part
        self._progress = progress
        self._current: int | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._names: list[bytes] = []

    def key(self, key: Key, reader: RdbReader, form: str) -> None:
        """Send a key."""
        if key.described:
            raise BackupError(
                "keys carry marks of modules, which cannot be restored key by key", "load the snapshot as the recovery sheet says"
            )
        begin = reader.offset
        skip_value(reader, key.kind, form)
        spare = self._staging.spares.get(key.database)
        if spare is None:
            raise BackupError(f"the snapshot holds a database {key.database}, for which no empty one was kept", "plan the restore again")
        if key.expires_at_ms is not None and key.expires_at_ms <= 0:
            # Such a time cannot be given to RESTORE; it has passed by every clock. What else has passed the server knows best.
            return
        if spare != self._current:
            self.flush()
            self._staging.wire.ask("SELECT", spare)
            self._current = spare
        words: list[str | bytes | int] = ["RESTORE", key.name, key.expires_at_ms or 0]
        extra: list[str | bytes | int] = ["ABSTTL"]
        if key.frequency is not None:
            extra += ["FREQ", key.frequency]
        elif key.idle_seconds is not None:
            extra += ["IDLETIME", key.idle_seconds]
        self._send(words, _Value(self._file, key.kind, begin, reader.offset, version_of(form)), extra, key.name)
        self._staging.count(key.database, expiring=key.expires_at_ms is not None)
        if self._size >= _BATCH_BYTES or len(self._names) >= _BATCH_KEYS:
            self.flush()
            self._staging.beat(self._current)
            self._progress(Stride(self._part, reader.offset, 0))

    def _send(self, words: list[str | bytes | int], value: _Value, extra: list[str | bytes | int], name: bytes) -> None:
        """One command of the words, the value and what follows it; a large value goes from the file to the server in pieces."""
        head, tail = packed(words), packed(extra)
        head = b"*%d" % (len(words) + 1 + len(extra)) + head[head.index(b"\r") :] + b"$%d\r\n" % value.size_bytes
        tail = b"\r\n" + tail[tail.index(b"\n") + 1 :]
        self._names.append(name)
        if value.size_bytes <= _BATCH_BYTES:
            self._pieces += [head, *value.pieces(), tail]
            self._size += len(head) + value.size_bytes + len(tail)
            return
        self._staging.wire.send(b"".join(self._pieces), head)
        for piece in value.pieces():
            self._staging.wire.send(piece)
        self._staging.wire.send(tail)
        self._pieces, self._size = [], _BATCH_BYTES

    def function(self, code: bytes) -> None:
        """Keep a library for the last step."""
        self._staging.keep_library(code)

    def flush(self) -> None:
        """Send what waits and look at the answers; raises BackupError naming the key that the server refused.

        A batch is never left half way, so that the connection may be used for tidying up.
        """
        expect_wanted(self._stop)
        wire = self._staging.wire
        wire.send(b"".join(self._pieces))
        refused: tuple[bytes, Refused] | None = None
        for name in self._names:
            answer = wire.answer()
            if isinstance(answer, Refused) and refused is None:
                refused = (name, answer)
        self._pieces, self._names, self._size = [], [], 0
        if refused is not None:
            raise _of_key(*refused, wire)


def _of_key(name: bytes, answer: Refused, wire: Wire) -> BackupError:
    """Why a server did not take a key."""
    shown = json.dumps(name[:80].decode("utf-8", "backslashreplace"), ensure_ascii=False)
    if "bulk length" in answer.said or "too big" in answer.said:
        return BackupError(f"the key {shown} is larger than the server takes at once", "raise proto-max-bulk-len of the server")
    error = told(answer.said, wire.where, "restore")
    return BackupError(f"the server does not take the key {shown}: {error.message}", error.hint)


def _footer(content: bytes, version: int) -> bytes:
    """What stands behind what RESTORE takes: the format's version, and a checksum of all before it."""
    known = version.to_bytes(2, "little")
    return known + checksum(content + known).to_bytes(8, "little")


def _taken(spare: int) -> BackupError:
    return BackupError(f"somebody else has emptied database {spare}, where the restore was prepared", "nothing was replaced; restore again")


def _length(size: int) -> bytes:
    return b"\x80" + size.to_bytes(4, "big")


def _unsaved(why: str) -> BackupError:
    return BackupError(
        f"the restored data are in their place, but the server could not save them to its disk: {why}",
        "mend that and run BGSAVE: a restart would bring back what was saved before",
    )

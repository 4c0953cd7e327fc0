"""A snapshot on its way from the server into a backup: framed, checked by its checksum, counted while it flows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from aishell_core.engines.redis_errors import RedisError
from aishell_core.engines.redis_replica import ReplicaStream
from aishell_core.engines.redis_wire import Wire
from aishell_ops.backups.engines.redis_checksum import Checksum
from aishell_ops.backups.engines.redis_rdb import Census, walk
from aishell_ops.backups.engines.redis_reader import RdbReader
from aishell_ops.backups.errors import BackupError, DamagedError, UnreadableError
from aishell_ops.backups.models import ObjectProof, ProofLevel
from aishell_ops.backups.streams.contract import Reader, Stop
from aishell_ops.backups.streams.pipe import AbandonedError, Pipe
from aishell_ops.backups.streams.stopping import expect_wanted

_TRAILER_BYTES = 9
_END = 0xFF

Told = Callable[[tuple[ObjectProof, ...]], None]


class SnapshotCheck:
    """Takes a snapshot piece by piece beside whoever stores it; `end` raises DamagedError when it is not whole.

    Without a level nothing is counted; the checksum and the end are looked at in any case.
    """

    def __init__(self, level: ProofLevel) -> None:
        self._checksum = Checksum()
        self._tail = b""
        self._pipe = Pipe()
        self._fault: BaseException | None = None
        self._census = Census(level)
        self._thread = threading.Thread(target=self._count, name="backup-census", daemon=True) if level is not ProofLevel.NONE else None
        if self._thread is not None:
            self._thread.start()

    def take(self, piece: bytes) -> None:
        """Take more; raises what the counting has found wrong."""
        if self._fault is not None:
            raise self._fault
        known = self._tail + piece
        # The checksum stands behind what it is of.
        self._checksum.add(known[:-8])
        self._tail = known[-8:]
        if len(known) >= _TRAILER_BYTES:
            self._last = known[-_TRAILER_BYTES]
        if self._thread is not None:
            with suppress(AbandonedError):
                self._pipe.write(piece)

    _last = -1

    def end(self) -> tuple[ObjectProof, ...]:
        """What was counted; called when all was taken."""
        if self._last != _END or len(self._tail) < 8:
            raise DamagedError("the snapshot ends without its end mark", "the server's log says why it sent no more")
        said = int.from_bytes(self._tail, "little")
        if said and said != self._checksum.value():
            raise DamagedError(
                "the snapshot's checksum is not that of what came", "take the backup again; look at the network and the memory"
            )
        if self._thread is None:
            return ()
        self._pipe.end()
        self._thread.join()
        if self._fault is not None:
            raise self._fault
        return self._census.proofs()

    def abandon(self) -> None:
        """Nothing more will come."""
        self._pipe.abandon()
        if self._thread is not None:
            self._thread.join()

    def _count(self) -> None:
        try:
            walk(RdbReader(self._pipe), self._census)
            if self._pipe.read(1):
                raise DamagedError("something stands behind the end of the snapshot")
        except AbandonedError:
            pass
        except BaseException as fault:  # noqa: BLE001 - it is raised again where the snapshot is taken
            self._fault = fault
            self._pipe.abandon()


class SnapshotSource:
    """The one stream of a backup: a snapshot that the server has begun."""

    def __init__(self, name: str, stream: ReplicaStream, wire: Wire, expected_bytes: int | None) -> None:
        self.name = name
        self.expected_bytes = expected_bytes
        self._stream = stream
        self._wire = wire
        self._level: ProofLevel | None = None
        self._told: Told | None = None
        self._begun = False

    async def counted(self, level: ProofLevel) -> tuple[ObjectProof, ...]:
        """What is counted while it is read; to be asked for before that. Waits until it was read."""
        if self._begun:
            raise BackupError("the keys of a snapshot are counted while it is read", "this is a fault of aishell: please report it")
        loop = asyncio.get_running_loop()
        found: asyncio.Future[tuple[ObjectProof, ...]] = loop.create_future()

        def set_once(proofs: tuple[ObjectProof, ...]) -> None:
            if not found.done():
                found.set_result(proofs)

        self._level, self._told = level, lambda proofs: _call_in(loop, set_once, proofs)
        return await found

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Reader]:
        """Read it; raises BackupError when it breaks, DamagedError when it is not whole."""
        self._wire.expect_wanted = lambda: expect_wanted(stop)
        self._begun = True
        check = SnapshotCheck(self._level or ProofLevel.NONE)
        reader = _Checked(self._stream, check, stop)
        try:
            yield reader
            if not reader.ended:
                raise BackupError("the snapshot was not read to its end", "this is a fault of aishell: please report it")
            proofs = check.end()
        finally:
            check.abandon()
        if self._told is not None:
            self._told(proofs)


class _Checked:
    """Gives the snapshot to whoever stores it, and to the check."""

    def __init__(self, stream: ReplicaStream, check: SnapshotCheck, stop: Stop) -> None:
        self.ended = False
        self._stream = stream
        self._check = check
        self._stop = stop

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of it."""
        expect_wanted(self._stop)
        try:
            piece = self._stream.read(size)
        except RedisError as error:
            raise UnreadableError(error.message, error.hint) from error
        if piece:
            self._check.take(piece)
        else:
            self.ended = True
        return piece


def _call_in(loop: asyncio.AbstractEventLoop, call: Told, proofs: tuple[ObjectProof, ...]) -> None:
    with suppress(RuntimeError):  # the loop has ended, and nobody waits
        loop.call_soon_threadsafe(call, proofs)

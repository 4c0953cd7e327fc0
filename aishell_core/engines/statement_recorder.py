"""Counting statements in memory and handing the counts to the side database from a daemon thread.

The application only ever touches the memory part: a dictionary under a lock held for microseconds. Whatever happens to
the side database (locked, full, read-only, removed) stays in the thread: the counts wait, within a bound, and are added
later; nothing is raised into the application.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from pathlib import Path

from aishell_core.engines.statement_store import ActiveRow, ForeignFileError, StatementStore, Tally
from aishell_core.engines.statement_text import SHOWN_CHARACTERS, TokenKind, digest, normalise, readable, tokens

FLUSH_SECONDS = 0.5
SHOWN_AFTER_SECONDS = 0.2
"""A statement or an open write transaction is written to the table `active` once it has lasted this long."""

_MOST_PENDING = 1000
_MOST_SHAPES = 2000
_LONGEST_TEXT = 20_000
_RETRY_SECONDS = 5.0
_OTHERS = "(other statements)"
_WRITING_WORDS = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER", "VACUUM", "REINDEX", "ANALYZE"})


class Shape:
    """What is worked out once per text of a statement: its normal form, its digest, and whether it needs the write lock."""

    __slots__ = ("digest", "text", "whole", "writes")

    def __init__(self, sql: str) -> None:
        shape = normalise(sql)
        self.digest = digest(shape)
        self.text = shape[:SHOWN_CHARACTERS]
        self.whole = shape  # of what runs now: only the whole of it has the statement's digest
        self.writes = _writes(sql)


def _writes(sql: str) -> bool:
    words = [token.text.upper() for token in tokens(sql) if token.kind is TokenKind.WORD]
    if not words:
        return False
    if words[0] == "BEGIN":
        return len(words) > 1 and words[1] in {"IMMEDIATE", "EXCLUSIVE"}
    return words[0] in _WRITING_WORDS or (words[0] == "WITH" and bool(_WRITING_WORDS.intersection(words)))


class Track:
    """What one connection does now; written by the application's thread, read by the recorder's."""

    __slots__ = ("__weakref__", "changed_at", "running", "shape", "thread", "wrote")

    def __init__(self) -> None:
        self.thread = 0
        self.running = False
        self.changed_at = 0.0
        self.shape: Shape | None = None
        self.wrote = False

    def begin(self, shape: Shape, spent_seconds: float) -> None:
        """A statement runs from now on, or again after it has spent so long inside SQLite already."""
        self.thread = threading.get_ident()
        self.shape = shape
        self.changed_at = time.time() - spent_seconds
        self.running = True

    def row(self, now: float) -> ActiveRow | None:
        """What to show of this connection; None when there is nothing worth it."""
        shape, started_at = self.shape, self.changed_at
        if shape is None or now - started_at < SHOWN_AFTER_SECONDS or not (self.running or self.wrote):
            return None
        state = "running" if self.running else "in transaction"
        return ActiveRow(id(self), self.thread, state, started_at, shape.whole, shape.writes, self.wrote)


class Recorder:
    """Counts the statements of this process for one log."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble = ""
        self._shapes: dict[str, Shape] = {}
        self._tracks: weakref.WeakSet[Track] = weakref.WeakSet()
        self._lock = threading.RLock()  # a signal handler may run statements while it is held
        self._flushing = threading.Lock()
        self._bell = threading.Event()
        self._awake = False
        self._tallies: dict[str, Tally] = {}
        self._late: deque[tuple[Shape, float, int]] = deque()
        self._thread: threading.Thread | None = None
        self._store: StatementStore | None = None

    def shape(self, sql: str | bytes) -> Shape:
        """The shape of a text, remembered for the texts that come again."""
        # Of a huge statement the beginning tells what it is; the rest is mostly values, and would cost time and memory.
        text = (sql if isinstance(sql, str) else readable(sql))[:_LONGEST_TEXT]
        found = self._shapes.get(text)
        if found is None:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            found = self._shapes[text] = Shape(text)
        return found

    def track(self) -> Track:
        """A place to note what a connection does; it is dropped with the connection."""
        track = Track()
        with self._lock:
            self._tracks.add(track)
        return track

    def record(self, shape: Shape, seconds: float, rows: int, error: BaseException | None = None) -> None:
        """Count one call; never raises and never waits for the disk."""
        busy = isinstance(error, sqlite3.OperationalError) and getattr(error, "sqlite_errorcode", 0) & 0xFF in {5, 6}
        with self._lock:
            tally = self._tallies.get(shape.digest)
            if tally is None:
                tally = self._new_tally(shape)
            tally.add(seconds * 1000.0, rows, failed=error is not None, busy=busy, at=time.time())
        self.wake()

    def record_late(self, shape: Shape, seconds: float, rows: int) -> None:
        """Count one call from a finaliser, which may run in the middle of anything: nothing here takes a lock."""
        self._late.append((shape, seconds, rows))

    def wake(self) -> None:
        """Let the thread know that there is something to write or to watch."""
        if not self._awake:
            self._awake = True
            self._ensure_thread()
            self._bell.set()

    def flush(self) -> bool:
        """Write what was counted; False when it has to wait."""
        with self._flushing:
            while self._late:
                self.record(*self._late.popleft())
            with self._lock:
                tallies, self._tallies = self._tallies, {}
                tracks = tuple(self._tracks)
            now = time.time()
            try:
                self._store_of_this_process().add(tallies, [row for track in tracks if (row := track.row(now)) is not None], now)
            except (sqlite3.Error, OSError, ForeignFileError) as error:
                self.trouble = str(error)
                self._drop_store()
                self._put_back(tallies)
                return False
            self.trouble = ""
            return True

    def close(self) -> None:
        """Write the rest and close the side database; counting may go on and opens it again."""
        self.flush()
        with self._flushing:
            self._drop_store()

    def start_over(self) -> None:
        """Forget everything, as after a fork: the parent process writes its own counts."""
        # The inherited connection must be neither used nor closed here: SQLite forbids both after a fork.
        _LEAKED.append(self._store)
        self._store = None
        # The parent's threads may have held these at the moment of the fork, and do not exist here.
        self._lock, self._flushing, self._bell = threading.RLock(), threading.Lock(), threading.Event()
        self._thread, self._awake = None, False
        self._tallies = {}
        self._late.clear()

    def _new_tally(self, shape: Shape) -> Tally:
        full = len(self._tallies) >= _MOST_PENDING
        key, text = (digest(_OTHERS), _OTHERS) if full else (shape.digest, shape.text)
        return self._tallies.setdefault(key, Tally(text))

    def _put_back(self, tallies: dict[str, Tally]) -> None:
        with self._lock:
            newer, self._tallies = self._tallies, tallies
            for key, tally in newer.items():
                if key in self._tallies:
                    self._tallies[key].merge(tally)
                elif len(self._tallies) < _MOST_PENDING:
                    self._tallies[key] = tally
                else:
                    self._tallies.setdefault(digest(_OTHERS), Tally(_OTHERS, first_at=tally.first_at)).merge(tally)

    def _store_of_this_process(self) -> StatementStore:
        if self._store is not None and not self._store.is_in_place():
            self._drop_store()
        if self._store is None:
            self._store = StatementStore(self.path, os.getpid())
        return self._store

    def _drop_store(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _ensure_thread(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="statement log", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        while True:
            self._bell.wait()
            self._bell.clear()
            written = True
            while self._busy() or not written:
                time.sleep(FLUSH_SECONDS if written else _RETRY_SECONDS)
                written = self.flush()
            self._awake = False
            if self._busy():  # something came between the last look and this line
                self._bell.set()

    def _busy(self) -> bool:
        with self._lock:
            return (
                bool(self._tallies or self._late) or any(track.running or track.wrote for track in self._tracks) or self._shows_something()
            )

    def _shows_something(self) -> bool:
        return self._store is not None and self._store.shows_something


_RECORDERS: dict[Path, Recorder] = {}
_RECORDERS_LOCK = threading.Lock()
_LEAKED: list[StatementStore | None] = []


def recorder_of(path: Path) -> Recorder:
    """The one recorder of this process for the log at this path."""
    with _RECORDERS_LOCK:
        recorder = _RECORDERS.get(path)
        if recorder is None:
            recorder = _RECORDERS[path] = Recorder(path)
        return recorder


def _close_all() -> None:
    for recorder in tuple(_RECORDERS.values()):
        recorder.close()


def _after_fork() -> None:
    for recorder in tuple(_RECORDERS.values()):
        recorder.start_over()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

"""Programs of which exactly one does not do what it should, whichever of them it is."""

from __future__ import annotations

import errno
import subprocess
import threading
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any


class Way(StrEnum):
    """How a program fails: it is not there, ends at once, is killed, ends so after its work, or does nothing and calls that well."""

    MISSING = "missing"
    FAILS = "fails"
    KILLED = "killed"
    LATE = "late"
    IDLE = "idle"


_SCRIPTS = {
    Way.FAILS: "echo 'it does not like to' >&2; exit 3",
    Way.KILLED: "kill -KILL $$",
    Way.LATE: '"$@"; echo "it does not like what it did" >&2; exit 3',
    Way.IDLE: "exit 0",
}


class FaultyStarts:
    """Counts the programs that are started; number `number` fails in a way. `names` are those that were, `failed` the one that did."""

    def __init__(self, number: int | None = None, way: Way = Way.FAILS) -> None:
        self._number, self._way = number, way
        self._lock = threading.Lock()
        self.names: list[str] = []
        self.failed = ""

    def __call__(self, arguments: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:
        with self._lock:
            number = len(self.names)
            self.names.append(Path(arguments[0]).name)
        if number != self._number:
            return subprocess.Popen(arguments, **how)
        self.failed = self.names[number]
        if self._way is Way.MISSING:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", arguments[0])
        return subprocess.Popen(["/bin/sh", "-c", _SCRIPTS[self._way], "faulty", *arguments], **how)

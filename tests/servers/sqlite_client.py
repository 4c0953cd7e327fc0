"""Another process that uses a database file: what a test says, it does, and it can be stopped or killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PROGRAM = """
import json, sqlite3, sys
path, timeout, logged = json.loads(sys.argv[1])
if logged:
    from aishell_core.engines.statement_log import default_log, flush_statements, logged_connect
    connection = logged_connect(path, timeout=timeout, isolation_level=None)
else:
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
print(json.dumps(["ok", []]), flush=True)
for line in sys.stdin:
    sql, times = json.loads(line)
    try:
        rows = []
        for _ in range(times):
            rows = connection.execute(sql).fetchall() if sql != "flush" else [[flush_statements(default_log(path))]]
        answer = ["ok", [[str(cell) for cell in row] for row in rows]]
    except sqlite3.Error as error:
        answer = [error.sqlite_errorname, str(error)]
    print(json.dumps(answer), flush=True)
"""


class ClientError(Exception):
    """What SQLite said to the other process; `name` is the error's symbol, such as SQLITE_BUSY."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


class SqliteClient:
    """A connection in another process; use `client()` to have it ended for sure."""

    def __init__(self, path: Path, *, timeout: float, logged: bool) -> None:
        arguments = json.dumps([str(path), timeout, logged])
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(_ROOT)},
        )
        self.answer()

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, sql: str, times: int = 1) -> list[list[str]]:
        """The rows of a statement; raises ClientError with what SQLite said."""
        self.send(sql, times)
        return self.answer()

    def flush(self) -> None:
        """Have the statement log written now."""
        assert self.run("flush") == [["True"]]

    def send(self, sql: str, times: int = 1) -> None:
        """Start a statement without waiting for its end."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([sql, times]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> list[list[str]]:
        """Wait for the end of what was sent."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the other process ended"
        state, result = json.loads(line)
        if state != "ok":
            raise ClientError(state, result)
        rows: list[list[str]] = result
        return rows

    def pause(self) -> None:
        """Stop the process where it is, as a debugger or a frozen container does."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it without any chance to tidy up."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it as an application ends, closing its connection."""
        if self._process.poll() is None:
            self._process.communicate()

    def end(self) -> None:
        if self._process.poll() is None:
            self.resume()
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


@contextmanager
def client(path: Path, *, timeout: float = 0.0, logged: bool = False) -> Iterator[SqliteClient]:
    """Another process with a connection, for as long as the block lasts."""
    process = SqliteClient(path, timeout=timeout, logged=logged)
    try:
        yield process
    finally:
        process.end()


def eventually(condition: Callable[[], object], seconds: float = 60.0, *, pause_seconds: float = 0.01) -> None:
    """Wait until a condition holds, looking again after each pause; fails when it does not in time."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(pause_seconds)

"""A scratch folder in which a program of somebody else's runs, of which nothing is left when this process dies, however it dies."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aishell_ops.backups.scratch_folder import scratch_folder
from aishell_ops.backups.streams.starting import start

_KEEPER = """
sign= server=
while read -r first second; do
  if [ "$first" = end ]; then exit; fi
  sign=$first server=$second
done
if [ -n "$server" ]; then
  kill -s "$sign" -- "-$server"
  tries=0
  while [ $tries -lt 50 ] && kill -s 0 -- "-$server" 2>/dev/null; do sleep 0.1; tries=$((tries + 1)); done
  kill -s KILL -- "-$server" 2>/dev/null
fi
rm -rf -- "$1"
"""
"""Hears which program runs; when this process is gone without a word, however that came, it ends the program and removes its folder."""


class Keeper:
    """A small program that outlives this one by a moment, to leave nothing of a folder behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process = start(
            ["/bin/sh", "-c", _KEEPER, "keeper", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def watch(self, pid: int | None, sign: str = "KILL") -> None:
        """The program that runs in the folder now, started in a session of its own, and the signal that ends it with what it left."""
        self._tell(f"{sign} {pid or ''}")

    def end(self) -> None:
        """The folder is the caller's again."""
        self._tell("end")
        self._process.communicate()

    def _tell(self, words: str) -> None:
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.write(f"{words}\n".encode())
                self._process.stdin.flush()


@contextmanager
def kept_folder(needed_bytes: int, *, in_memory: bool) -> Iterator[Keeper]:
    """A private folder with so much room, gone when the block ends or when this process does; raises BackupError where there is none."""
    with scratch_folder(needed_bytes, in_memory=in_memory) as folder:
        keeper = Keeper(folder)
        try:
            yield keeper
        finally:
            keeper.end()

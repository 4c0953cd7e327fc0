"""The programs of PostgreSQL that fit a server: of its own major version, or else of the next greater one that is there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aishell_ops.backups.errors import ToolError
from aishell_ops.backups.models import Tool

_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin")
"""Where Debian, Red Hat and Homebrew put each major version."""
_VERSION = re.compile(r"\(PostgreSQL\) (?P<version>(?P<major>\d+)[.\w]*)")
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Client:
    """A program with its version."""

    path: Path
    major: int
    version: str

    def tool(self, *arguments: str) -> Tool:
        """What the manifest keeps of it."""
        return Tool(self.path.name, self.version, arguments)


def find_client(name: str, major: int, environ: Mapping[str, str], folders: Iterable[Path] = ()) -> Client:
    """The program that fits a server best; `folders` are looked at first. Raises ToolError naming the package to install."""
    found = [client for place in _places(name, environ, folders) if (client := _client(place)) is not None]
    fitting = sorted((client for client in found if client.major >= major), key=lambda client: client.major)
    if fitting:
        return fitting[0]
    there = f"; there is {', '.join(sorted({client.version for client in found}))}, which is too old for it" if found else ""
    raise ToolError(
        f"{name} of PostgreSQL {major} or newer is needed{there}",
        f"install postgresql-client-{major} (Debian), postgresql{major} (Red Hat) or postgresql@{major} (Homebrew)",
    )


def _places(name: str, environ: Mapping[str, str], folders: Iterable[Path]) -> Iterator[Path]:
    yield from (folder / name for folder in folders)
    for pattern in _FOLDERS:
        yield from (folder / name for folder in Path("/").glob(pattern.lstrip("/")))
    yield from (Path(folder) / name for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder)


@cache
def _client(path: Path) -> Client | None:
    """What a program says of itself; None where there is none that runs."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = _VERSION.search(done.stdout)
    return Client(path, int(said["major"]), said["version"]) if said is not None else None

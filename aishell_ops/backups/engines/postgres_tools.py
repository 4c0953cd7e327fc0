"""The programs of PostgreSQL that fit a server: of its own major version, or else of the next greater one that is there."""

from __future__ import annotations

import os
import pwd
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
_SERVER_USER = "postgres"


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
    if (exact := next(_of_major(name, major, environ, folders), None)) is not None:
        # To ask every program on the machine for its version costs as much time as to dump 10 MB.
        return exact
    found = [client for place in _places(name, environ, folders) if (client := _client(place)) is not None]
    fitting = sorted((client for client in found if client.major > major), key=lambda client: client.major)
    if fitting:
        return fitting[0]
    there = f"; there is {', '.join(sorted({client.version for client in found}))}, which is too old for it" if found else ""
    raise ToolError(
        f"{name} of PostgreSQL {major} or newer is needed{there}",
        f"install postgresql-client-{major} (Debian), postgresql{major} (Red Hat) or postgresql@{major} (Homebrew)",
    )


def find_exact(name: str, major: int, environ: Mapping[str, str], folders: Iterable[Path] = ()) -> Client:
    """The program of exactly one major version, as a server's files need it. Raises ToolError naming the package to install."""
    if (found := next(_of_major(name, major, environ, folders), None)) is not None:
        return found
    raise ToolError(
        f"{name} of PostgreSQL {major} is needed: its files are read by no other version",
        f"install postgresql-{major} (Debian), postgresql{major}-server (Red Hat) or postgresql@{major} (Homebrew)",
    )


@dataclass(frozen=True, slots=True)
class ServerPrograms:
    """A server with what makes its data folder; `user` is whom they run as where we are root, because they refuse to be that."""

    server: Client
    maker: Path
    user: str | None


def find_server(major: int, environ: Mapping[str, str], folders: Iterable[Path] = (), *, newer: bool = True) -> ServerPrograms | None:
    """A server's programs of a major version, or with `newer` of the next greater one; None where no such can be run here."""
    user = _server_user()
    if os.geteuid() == 0 and user is None:
        return None
    found = [client for place in _places("postgres", environ, folders) if (client := _client(place)) is not None]
    for client in sorted(found, key=lambda client: client.major):
        maker = client.path.with_name("initdb")
        if (client.major == major or (newer and client.major > major)) and maker.is_file() and _runs(client.path, user):
            return ServerPrograms(client, maker, user)
    return None


def _of_major(name: str, major: int, environ: Mapping[str, str], folders: Iterable[Path]) -> Iterator[Client]:
    for place in _places(name, environ, folders):
        client = _client(place)
        if client is not None and client.major == major:
            yield client


def _server_user() -> str | None:
    """Whose a server is on this machine, for root alone."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_SERVER_USER).pw_name
    except KeyError:
        return None


def _runs(path: Path, user: str | None) -> bool:
    """Whether a user reaches a program."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=_PATIENCE_SECONDS, check=False, user=user, cwd="/")
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _places(name: str, environ: Mapping[str, str], folders: Iterable[Path]) -> Iterator[Path]:
    yield from (folder / name for folder in folders)
    for pattern in _FOLDERS:
        yield from (folder / name for folder in Path("/").glob(pattern.lstrip("/")))
    yield from (Path(folder) / name for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder)


@cache
def _client(path: Path) -> Client | None:
    """What a program says of itself; None where there is none that runs."""
    if not path.is_file():
        return None
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = _VERSION.search(done.stdout)
    return Client(path, int(said["major"]), said["version"]) if said is not None else None

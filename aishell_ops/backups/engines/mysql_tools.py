"""The programs of MySQL and MariaDB that fit a server: of its own family and of its version or a newer one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

from aishell_core.engines.mysql_facts import ServerFacts
from aishell_ops.backups.errors import ToolError
from aishell_ops.backups.models import Tool

_FOLDERS = (
    "/usr/local/mysql/bin",
    "/usr/local/mariadb/bin",
    "/opt/homebrew/opt/mysql-client*/bin",
    "/opt/homebrew/opt/mariadb*/bin",
    "/usr/local/opt/mysql-client*/bin",
    "/usr/local/opt/mariadb*/bin",
)
_SYSTEM = tuple(map(Path, ("/usr/sbin", "/usr/libexec", "/usr/local/sbin")))
"""Where servers are, beside the places of other programs."""
_VERSION = re.compile(r"(?:Distrib|from|server|Ver)\s+(?P<version>(?P<major>\d+)\.(?P<minor>\d+)\.\d+)(?P<mariadb>-MariaDB)?")
_PATIENCE_SECONDS = 10.0


class Role(Enum):
    """What a program is for: its names in MariaDB and in MySQL, each from the newest on."""

    DUMP = (("mariadb-dump", "mysqldump"), ("mysqldump",))
    CLIENT = (("mariadb", "mysql"), ("mysql",))
    SERVER = (("mariadbd", "mysqld"), ("mysqld",))
    PHYSICAL = (("mariadb-backup", "mariabackup"), ())

    def names(self, *, mariadb: bool) -> tuple[str, ...]:
        """Under which names it is looked for."""
        names: tuple[str, ...] = self.value[0] if mariadb else self.value[1]
        return names


@dataclass(frozen=True, slots=True)
class Client:
    """A program with its family and version."""

    path: Path
    mariadb: bool
    release: tuple[int, int]
    version: str

    @property
    def family(self) -> str:
        """Whose program it is."""
        return "MariaDB" if self.mariadb else "MySQL"

    def tool(self, *arguments: str) -> Tool:
        """What the manifest keeps of it."""
        return Tool(self.path.name, self.version, arguments)

    def knows(self, option: str) -> bool:
        """Whether it has an option."""
        return option in _help(self.path)


def release_of(facts: ServerFacts) -> tuple[int, int]:
    """The first two numbers of a server's version."""
    return facts.version_num // 10_000, facts.version_num // 100 % 100


def find_client(role: Role, facts: ServerFacts, environ: Mapping[str, str], folders: Iterable[Path] = ()) -> Client:
    """The program that fits a server best; `folders` are looked at first. Raises ToolError naming the package to install.

    A MySQL server is served by MariaDB's program too where its own is missing; what that cannot do is the caller's to know.
    """
    folders = tuple(folders)
    release = release_of(facts)
    if (exact := next((client for client in _each(role, facts.mariadb, environ, folders) if client.release == release), None)) is not None:
        # To ask every program on the machine for its version costs as much time as to dump some megabytes.
        return exact
    own = _found(role, facts.mariadb, environ, folders)
    fitting = sorted((client for client in own if client.release >= release), key=lambda client: client.release)
    if fitting:
        return fitting[0]
    if not facts.mariadb and (others := _found(role, True, environ, folders)):
        return max(others, key=lambda client: client.release)
    name = role.names(mariadb=facts.mariadb)[0]
    there = f"; there is {', '.join(sorted({client.version for client in own}))}, which is too old for it" if own else ""
    packages = (
        "mariadb-client (Debian), mariadb (Red Hat and Homebrew)"
        if facts.mariadb
        else "mysql-client (Debian and Homebrew) or mysql (Red Hat)"
    )
    raise ToolError(f"{name} of {facts.product} {release[0]}.{release[1]} or newer is needed{there}", f"install {packages}")


def find_physical(role: Role, release: tuple[int, int], environ: Mapping[str, str], folders: Iterable[Path] = ()) -> Client:
    """A program for the files of a MariaDB server, which must be of the server's own version; raises ToolError."""
    found = _found(role, True, environ, tuple(folders))
    if fitting := [client for client in found if client.release == release]:
        return fitting[0]
    there = f"; there is {', '.join(sorted({client.version for client in found}))}" if found else ""
    name = role.names(mariadb=True)[0]
    raise ToolError(f"{name} of MariaDB {release[0]}.{release[1]} is needed{there}", "install mariadb-backup (Debian and Red Hat)")


def unpacker_of(client: Client, environ: Mapping[str, str]) -> Path:
    """What unpacks the stream of mariadb-backup: it tells no version, and lies beside it. Raises ToolError."""
    beside = client.path.with_name("mbstream")
    found = str(beside) if beside.is_file() else shutil.which("mbstream", path=environ.get("PATH"))
    if found is None:
        raise ToolError("mbstream is needed", "install mariadb-backup (Debian and Red Hat)")
    return Path(found)


def find_server(release: tuple[int, int], environ: Mapping[str, str], folders: Iterable[Path] = (), *, mariadb: bool) -> Client | None:
    """A server's own program of a family, of this version or the next newer one that is here; None where there is none."""
    found = [client for client in _found(Role.SERVER, mariadb, environ, (*folders, *_SYSTEM)) if client.release >= release]
    return min(found, key=lambda client: client.release, default=None)


def _found(role: Role, mariadb: bool, environ: Mapping[str, str], folders: tuple[Path, ...]) -> list[Client]:
    return list(_each(role, mariadb, environ, folders))


def _each(role: Role, mariadb: bool, environ: Mapping[str, str], folders: tuple[Path, ...]) -> Iterator[Client]:
    for place in _places(role.names(mariadb=mariadb), environ, folders):
        client = _client(place)
        if client is not None and client.mariadb is mariadb:
            yield client


def _places(names: tuple[str, ...], environ: Mapping[str, str], folders: tuple[Path, ...]) -> Iterator[Path]:
    around = [*folders, *(Path(folder) for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder)]
    for pattern in _FOLDERS:
        around += Path("/").glob(pattern.lstrip("/"))
    for name in names:
        yield from (folder / name for folder in around)


@cache
def _client(path: Path) -> Client | None:
    """What a program says of itself; None where there is none that runs."""
    said = _VERSION.search(_said(path, "--version"))
    if said is None:
        return None
    return Client(path, said["mariadb"] is not None, (int(said["major"]), int(said["minor"])), said["version"])


@cache
def _help(path: Path) -> str:
    return _said(path, "--help")


def _said(path: Path, option: str) -> str:
    if not path.is_file():
        return ""
    try:
        done = subprocess.run([path, "--no-defaults", option], capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr

"""The servers of Redis and Valkey that are on this machine."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aishell_ops.backups.engines.redis_server import REDIS, VALKEY, Release, reads, release_of
from aishell_ops.backups.errors import ToolError
from aishell_ops.backups.models import Manifest, Tool

_FOLDERS = (
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/opt/homebrew/opt/redis*/bin",
    "/opt/homebrew/opt/valkey*/bin",
    "/usr/local/opt/redis*/bin",
)
_NAMES = ("redis-server", "valkey-server")
_VERSION = re.compile(r"(?P<family>Redis|Valkey) server v=(?P<version>\d+\.\d+\.\d+)")
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ServerProgram:
    """A server's program with its family and version."""

    path: Path
    family: str
    version: str

    @property
    def release(self) -> Release:
        """The first two numbers of its version."""
        return release_of(self.version)

    @property
    def tool(self) -> Tool:
        """What a plan says of it."""
        return Tool(self.path.name, self.version)


def form_version(manifest: Manifest) -> int:
    """The number of the format that a backup is in; 0 where it does not say it."""
    text = dict(manifest.start).get("rdb_version", "")
    return int(text) if text.isdecimal() else 0


def family_of(manifest: Manifest) -> str:
    """Which family of servers a backup is of."""
    return dict(manifest.annotations).get("family", REDIS)


def find_server(manifest: Manifest, environ: Mapping[str, str], folders: Iterable[Path] = ()) -> ServerProgram:
    """The oldest server here that reads a backup, of its own family where there is one; `folders` are looked at first.

    Raises ToolError naming the package to install.
    """
    family, release = family_of(manifest), release_of(manifest.source.server_version)
    there = list(_found(environ, tuple(folders)))
    fitting = [one for one in there if reads(one.family, one.release, form_version(manifest), of_family=family, of_release=release)]
    if fitting:
        return min(fitting, key=lambda one: (one.family != family, one.release))
    known = f"; there is {', '.join(sorted({f'{one.family} {one.version}' for one in there}))}, which does not read it" if there else ""
    package = (
        "valkey-server (Debian), valkey (Red Hat, Homebrew)" if family == VALKEY else "redis-server (Debian), redis (Red Hat, Homebrew)"
    )
    raise ToolError(
        f"a server of {family} {release[0]}.{release[1]} or newer is needed here, to look whether the backup loads{known}",
        f"install {package}; it need not be running",
    )


def _found(environ: Mapping[str, str], folders: tuple[Path, ...]) -> Iterator[ServerProgram]:
    around = [*folders, *(Path(folder) for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder)]
    for pattern in _FOLDERS:
        around += Path("/").glob(pattern.lstrip("/"))
    for folder in dict.fromkeys(around):
        for name in _NAMES:
            if (found := _program(folder / name)) is not None:
                yield found


@cache
def _program(path: Path) -> ServerProgram | None:
    """What a program says of itself; None where there is none that runs."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = _VERSION.search(done.stdout)
    return ServerProgram(path, said["family"], said["version"]) if said is not None else None

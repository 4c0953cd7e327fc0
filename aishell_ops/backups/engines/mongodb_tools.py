"""mongodump: whether it is here, whether it fits the server, and how it is told what to save without a password to be seen.

The tools of MongoDB are in no package that every machine could install: the tests go by what a build of their source had written, and run
them where they are installed.
https://www.mongodb.com/docs/database-tools/mongodump/
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlencode

from aishell_core.engines.mongodb_place import Place
from aishell_core.targets import Secret
from aishell_ops.backups.errors import ToolError
from aishell_ops.backups.models import Tool
from aishell_ops.backups.streams.process import HANDED, Program

_NAME = "mongodump"
_VERSION = re.compile(r"version:\s+r?(?P<version>v?(?P<major>\d+)\.\d+\.\d+\S*|\S+)")
_OLDEST = 100
"""Since version 100 the tools are made apart from the server and read every version from 4.0 on."""
_PATIENCE_SECONDS = 10.0
_PACKAGE = "install mongodb-database-tools (https://www.mongodb.com/try/download/database-tools)"


@dataclass(frozen=True, slots=True)
class Dumper:
    """A mongodump with its version; `major` None is that of a build that does not tell."""

    path: Path
    version: str
    major: int | None

    def tool(self, *arguments: str) -> Tool:
        """What the manifest keeps of it."""
        return Tool(_NAME, self.version, arguments)


def find_dumper(environ: Mapping[str, str], folders: Iterable[Path] = ()) -> Dumper | None:
    """The newest mongodump; None where there is none. Raises ToolError where all of them are too old."""
    around = [*folders, *(Path(folder) for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder)]
    found = [dumper for folder in around if (dumper := _dumper(folder / _NAME)) is not None]
    fitting = [dumper for dumper in found if dumper.major is None or dumper.major >= _OLDEST]
    if fitting:
        return max(fitting, key=lambda dumper: dumper.major or 0)
    if found:
        raise ToolError(f"mongodump {found[0].version} is too old: version {_OLDEST} or newer is needed", _PACKAGE)
    return None


def expect_dumper(environ: Mapping[str, str], folders: Iterable[Path] = ()) -> Dumper:
    """The newest mongodump; raises ToolError naming the package to install."""
    found = find_dumper(environ, folders)
    if found is None:
        raise ToolError("mongodump is not installed", _PACKAGE)
    return found


@cache
def _dumper(path: Path) -> Dumper | None:
    """What a program says of itself; None where there is none that runs."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = _VERSION.search(done.stdout + done.stderr)
    if said is None:
        return None
    return Dumper(path, said["version"], int(said["major"]) if said["major"] else None)


def arguments_of(database: str, jobs: int) -> tuple[str, ...]:
    """What mongodump is told openly."""
    return (f"--db={database}", "--archive", f"--numParallelCollections={max(1, jobs)}")


def dump_of(dumper: Dumper, place: Place, database: str, jobs: int) -> Program:
    """The program that writes an archive of a database to its standard output; where to, and who asks, it reads from a file."""
    return Program((str(dumper.path), f"--config={HANDED}", *arguments_of(database, jobs)), hides="MONGO", handed=configuration(place))


def configuration(place: Place) -> Secret:
    """The file that tells the tools of MongoDB where the server is and how to get in; JSON is YAML, too."""
    return Secret(json.dumps({"uri": _url(place)}) + "\n")


def _url(place: Place) -> str:
    password = f":{quote(place.password.reveal(), safe='')}" if place.password is not None else ""
    login = f"{quote(place.user, safe='')}{password}@" if place.user else ""
    options = {name: _word(value) for name, value in place.options.items()}
    if place.user:
        options["authSource"] = place.source
    return f"{'mongodb+srv' if place.srv else 'mongodb'}://{login}{','.join(place.servers)}/?{urlencode(options, quote_via=quote)}"


def _word(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()

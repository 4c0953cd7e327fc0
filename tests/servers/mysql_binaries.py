"""Which MySQL and MariaDB servers this machine has: Debian's own, and those that `tests/servers/fetch-mysql` brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.required import require_server

_FETCHED = Path(__file__).parents[2] / ".servers"


@dataclass(frozen=True)
class MysqlBinaries:
    """One version: its server, and what makes an empty data folder."""

    version: str
    server: Path
    mariadb: bool
    make: Callable[[Path], list[str | Path]] = field(compare=False)
    base: Path | None = None
    environment: tuple[tuple[str, str], ...] = ()


def require_mysql(version: str) -> MysqlBinaries:
    """The binaries of a version: mariadb-10.11, mariadb-11.4 or mysql-8.0; skips or fails where they are missing."""
    if version == "mariadb-10.11":
        server = require_server("MariaDB 10.11", "mariadbd", "/usr/sbin/mariadbd")
        maker = require_server("MariaDB 10.11", "mariadb-install-db")
        return MysqlBinaries(version, server, True, lambda data: [maker, *_MARIADB_MAKING, f"--datadir={data}"])
    base = _FETCHED / version
    if version == "mariadb-11.4":
        server = require_server(version, str(base / "bin/mariadbd"))
        script = base / "scripts/mariadb-install-db"
        return MysqlBinaries(version, server, True, lambda data: [script, *_MARIADB_MAKING, f"--basedir={base}", f"--datadir={data}"], base)
    server = require_server(version, str(base / "bin/mysqld"))
    return MysqlBinaries(
        version,
        server,
        False,
        lambda data: [server, "--no-defaults", "--initialize-insecure", f"--basedir={base}", f"--datadir={data}", *_SMALL],
        base,
    )


_SMALL = ("--innodb-log-file-size=4M", "--innodb-buffer-pool-size=16M")
_MARIADB_MAKING = ("--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", *_SMALL)

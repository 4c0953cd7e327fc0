"""What a MySQL or MariaDB server says of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_QUESTIONS: Mapping[str, str] = {
    "version": "VERSION()",
    "connection_id": "CONNECTION_ID()",
    "account": "CURRENT_USER()",
    "database": "DATABASE()",
    "comment": "@@version_comment",
    "performance_schema": "@@performance_schema",
    "read_only": "@@global.read_only",
    "host": "@@hostname",
    "data_folder": "@@datadir",
    "max_connections": "@@max_connections",
}
QUESTIONS = tuple(_QUESTIONS)
"""Names of what is asked."""

_STARTED = "SELECT /* aishell */ UNIX_TIMESTAMP() - VARIABLE_VALUE AS started_at FROM {schema}.{table} WHERE VARIABLE_NAME = 'Uptime'"
_MARIADB = re.compile(r"mariadb", re.IGNORECASE)
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server behind a connection says of itself.

    `version_num` is 101119 for 10.11.19 and 80036 for 8.0.36; `mariadb` tells the two families apart. `account` is the
    user and host that it knows us by. `started_at` is in epoch seconds, whole and the same for as long as it runs;
    `local` when its processes run on this machine. What it does not tell is None, "" or False.
    """

    version_num: int
    version: str
    mariadb: bool
    comment: str
    account: str
    user: str
    database: str
    performance_schema: bool
    read_only: bool
    host: str
    data_folder: str
    address: str
    connection_id: int
    local: bool = False
    encrypted: bool = False
    started_at: float | None = None
    max_connections: float | None = None

    @property
    def flavour(self) -> str:
        """The family's name as the files of queries carry it: `mariadb` or `mysql`."""
        return "mariadb" if self.mariadb else "mysql"

    @property
    def product(self) -> str:
        """The family's name for people."""
        return "MariaDB" if self.mariadb else "MySQL"


def facts_statement(names: tuple[str, ...]) -> str:
    """One question for the named facts."""
    return "SELECT /* aishell */ " + ", ".join(f"{_QUESTIONS[name]} AS `{name}`" for name in names)


def start_statement(*, mariadb: bool) -> str:
    """The question for the server's start.

    Uptime is counted from the start to the beginning of the statement, both in whole seconds, and UNIX_TIMESTAMP() is that
    beginning: their difference in one statement is the start itself, whenever it is asked.
    """
    schema, table = ("information_schema", "GLOBAL_STATUS") if mariadb else ("performance_schema", "global_status")
    return _STARTED.format(schema=schema, table=table)


def facts_of(told: Mapping[str, Any], *, address: str, user: str, local: bool = False, encrypted: bool = False) -> ServerFacts:
    """The facts from what was told; what is missing is unknown."""
    version, comment = str(told.get("version") or ""), str(told.get("comment") or "")
    started, most = told.get("started_at"), told.get("max_connections")
    return ServerFacts(
        version_num=version_number(version),
        version=short_version(version),
        mariadb=is_mariadb(version, comment),
        comment=comment,
        account=str(told.get("account") or ""),
        user=user,
        database=str(told.get("database") or ""),
        performance_schema=_is_on(told.get("performance_schema")),
        read_only=_is_on(told.get("read_only")),
        host=str(told.get("host") or ""),
        data_folder=str(told.get("data_folder") or ""),
        address=address,
        connection_id=int(told.get("connection_id") or 0),
        local=local,
        encrypted=encrypted,
        started_at=float(started) if isinstance(started, int | float) else None,
        max_connections=float(most) if isinstance(most, int | float) else None,
    )


def is_mariadb(version: str, comment: str = "") -> bool:
    """Whether a version's text is MariaDB's."""
    return _MARIADB.search(version) is not None or _MARIADB.search(comment) is not None


def short_version(text: str) -> str:
    """The version without what its packager adds: 10.11.19 of `10.11.19-MariaDB-0+deb12u1`; also behind the `5.5.5-` of a greeting."""
    found = _VERSION.match(text.removeprefix("5.5.5-") if is_mariadb(text) else text)
    return found[0] if found else text


def version_number(text: str) -> int:
    """A version as one number, two digits for each of the last two parts: 80036 for 8.0.36; 0 for what is none."""
    found = _VERSION.match(short_version(text))
    return int(found[1]) * 10_000 + int(found[2]) * 100 + int(found[3] or 0) if found else 0


def _is_on(value: object) -> bool:
    """A switch, which comes as a number or as a word (read_only has had four values since MariaDB 12)."""
    return str(value).upper() not in {"", "0", "OFF", "NONE", "NULL", "FALSE", "NO_LOCK"}

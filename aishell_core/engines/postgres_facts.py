"""What a PostgreSQL server says of itself, also one that is only compatible and knows less."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_QUESTIONS: Mapping[str, str] = {
    "version_num": "current_setting('server_version_num')::int",
    "version": "current_setting('server_version')",
    "user": "current_user::text",
    "database": "current_database()::text",
    "superuser": "current_setting('is_superuser')",
    "encoding": "current_setting('server_encoding')",
    "in_recovery": "pg_is_in_recovery()",
    "started_at": "extract(epoch FROM pg_postmaster_start_time())::float8",
    "pid": "pg_backend_pid()",
    "read_only": "current_setting('default_transaction_read_only')",
    "system_identifier": "(SELECT system_identifier::text FROM pg_control_system())",
}
QUESTIONS = tuple(_QUESTIONS)
"""Names of what is asked."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server behind a connection says of itself.

    `version_num` is as in server_version_num (160004 is 16.4); `started_at` is in epoch seconds; `local` when the server's
    processes run on this machine, `pooled` when a pooler stands between. What the server does not tell is None or "".
    """

    version_num: int
    version: str
    user: str
    database: str
    superuser: bool
    encoding: str
    local: bool
    pooled: bool
    address: str
    in_recovery: bool
    started_at: float | None = None
    system_identifier: str = ""
    read_only: bool = False
    """Whether the server's own default is to refuse writes; told only where target_session_attrs asks for it."""


def facts_statement(names: tuple[str, ...]) -> str:
    """One question for the named facts."""
    return "SELECT /* aishell */ " + ", ".join(f'{_QUESTIONS[name]} AS "{name}"' for name in names)


def facts_of(told: Mapping[str, Any], address: str, *, local: bool, pooled: bool) -> ServerFacts:
    """The facts from what was told; what is missing or odd is taken from the version's text, or is unknown."""
    version = short_version(str(told.get("version") or ""))
    number, started = told.get("version_num"), told.get("started_at")
    return ServerFacts(
        version_num=number if isinstance(number, int) and number > 0 else version_number(version),
        version=version,
        user=str(told.get("user") or ""),
        database=str(told.get("database") or ""),
        superuser=told.get("superuser") == "on",
        encoding=str(told.get("encoding") or ""),
        local=local,
        pooled=pooled,
        address=address,
        in_recovery=told.get("in_recovery") is True,
        started_at=float(started) if isinstance(started, int | float) else None,
        system_identifier=str(told.get("system_identifier") or ""),
        read_only=told.get("read_only") == "on",
    )


def short_version(text: str) -> str:
    """The version without what its packager adds: 16.14 of `16.14 (Debian 16.14-1)`."""
    return text.split(" ", 1)[0]


def version_number(text: str) -> int:
    """The number that server_version_num would hold for a version's text, 0 where that holds none."""
    found = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", text)
    if found is None:
        return 0
    major, minor, patch = (int(part or 0) for part in found.groups())
    return major * 10000 + minor if major >= 10 else major * 10000 + minor * 100 + patch

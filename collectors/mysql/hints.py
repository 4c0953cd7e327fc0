"""The statements and lines that would mend what cannot be read."""

from __future__ import annotations

from aishell_core.engines.mysql import ServerFacts
from collectors.mysql.slow_questions import grant

_SCHEMA_LINES = "performance_schema = ON in [mysqld] of my.cnf, and a restart"


def process_hint(server: ServerFacts) -> str:
    """What lets the account see the sessions of others."""
    if server.performance_schema:
        return f"{grant(server, 'PROCESS')} {grant(server, 'SELECT', 'performance_schema.*')}"
    return grant(server, "PROCESS")


def metadata_hint(server: ServerFacts) -> str:
    """What makes the server tell who holds metadata locks."""
    if server.mariadb:
        return "INSTALL SONAME 'metadata_lock_info';"
    if not server.performance_schema:
        return _SCHEMA_LINES
    return "UPDATE performance_schema.setup_instruments SET ENABLED = 'YES' WHERE NAME = 'wait/lock/metadata/sql/mdl';"


def digests_hint() -> str:
    """What makes the server count statements."""
    return _SCHEMA_LINES

"""The commands of PgBouncer's console."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aishell_core.safety.language.sql_judge import judge_sql
from aishell_core.safety.language.sql_redaction import redacted_sql
from aishell_core.safety.language.sql_rules import ADMIN, CRITICAL, HIGH, NONE, READ, TERMINATE, SqlRules, phrases
from aishell_core.safety.language.sql_words import Lexis
from aishell_core.safety.risk import Risk
from aishell_core.values import Value

RULES = SqlRules(
    dialect="postgres",
    lexis=Lexis(letters=""),
    functions=(),
    phrases=phrases(
        ("SHOW", NONE, READ, ""),
        ("KILL | KILL_CLIENT", HIGH, TERMINATE, "ends the connections of clients"),
        (
            "PAUSE | RESUME | SUSPEND | DISABLE | ENABLE | RECONNECT | WAIT_CLOSE",
            HIGH,
            ADMIN,
            "holds up or moves the clients of a database",
        ),
        ("SET | RELOAD", HIGH, ADMIN, "changes the pooler's settings"),
        ("SHUTDOWN", CRITICAL, ADMIN, "stops the pooler"),
    ),
)


def judge(command: str, _parameters: Sequence[Value] = (), _database: str = "") -> Risk:
    """The risk of a command of the console; bound parameters are values and change nothing of it. Never raises."""
    return judge_sql(command, RULES)


def redacted(command: str, literal_hash: Callable[[str], str], _parameters: Sequence[Value] = ()) -> str | None:
    """The command without comments, with its literals hashed."""
    return redacted_sql(command, RULES, literal_hash)

"""The languages of commands: each engine's is one module of `language/`, found by the engine's name and loaded when it is needed."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Protocol, cast, runtime_checkable

from aishell_core.safety import language
from aishell_core.safety.risk import Risk, RiskLevel, not_understood
from aishell_core.targets import ENGINES
from aishell_core.values import Value

_ENGINES = frozenset(engine.name for engine in ENGINES)
_MANY_ROWS = 10_000
_VERY_MANY_ROWS = 1_000_000
_LONGEST_CHARACTERS = 200_000


class Language(Protocol):
    """What a module of `language/` offers."""

    def judge(self, command: str, parameters: Sequence[Value] = (), database: str = "", /) -> Risk:
        """What a command can do with its parameters in a database ("" for one that is not known); never raises, in doubt it is high."""

    def redacted(self, command: str, literal_hash: Callable[[str], str], parameters: Sequence[Value] = (), /) -> str | None:
        """The command without comments and with its literals hashed; None where that cannot be told apart safely."""


@runtime_checkable
class Crossing(Protocol):
    """A language in which a command can name other databases than the one it runs in."""

    def databases(self, command: str, parameters: Sequence[Value] = (), /) -> frozenset[str]:
        """The names in a command that may be those of databases; never raises."""


@cache
def known_languages() -> frozenset[str]:
    """The engines whose commands can be judged; listing loads none of them."""
    return frozenset(module.name for module in pkgutil.iter_modules(language.__path__) if module.name in _ENGINES)


def language_of(engine: str) -> Language | None:
    """The language of an engine; None where there is no module for it."""
    if engine not in known_languages():
        return None
    return cast(Language, import_module(f"{language.__name__}.{engine}"))


def judge(engine: str, command: str, parameters: Sequence[Value] = (), *, database: str = "", estimated_rows: float | None = None) -> Risk:
    """The risk of a command in an engine's language; pure, never raises.

    `parameters` are those that it will be run with: values to SQL, further words to a command of Redis. `database` is the
    one in which it will be run, as the engine would name it.
    `estimated_rows` is how many rows the server's planner expects it to touch, None where nobody asked.
    """
    found = language_of(engine)
    if found is None:
        return not_understood(f"there is no language of {engine} that could be judged")
    if len(command) > _LONGEST_CHARACTERS:
        return not_understood(f"longer than {_LONGEST_CHARACTERS} characters")
    try:
        risk = found.judge(command, parameters, database)
    except RecursionError:
        return not_understood("nested too deeply to be read")
    return _with_rows(risk, estimated_rows)


def named_databases(engine: str, command: str, parameters: Sequence[Value] = ()) -> frozenset[str]:
    """The databases that a command may name itself, rather too many than too few; pure, never raises."""
    found: object = language_of(engine)
    if not isinstance(found, Crossing) or len(command) > _LONGEST_CHARACTERS:
        return frozenset()
    try:
        return found.databases(command, parameters)
    except RecursionError:
        return frozenset()


def _with_rows(risk: Risk, rows: float | None) -> Risk:
    if rows is None or rows < _MANY_ROWS:
        return risk
    reason = f"about {rows:,.0f} rows"
    if risk.is_read:
        return risk.at_least(RiskLevel.MEDIUM, reason) if rows >= _VERY_MANY_ROWS else risk
    return risk.at_least(RiskLevel.HIGH, reason)

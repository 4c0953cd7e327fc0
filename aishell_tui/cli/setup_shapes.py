"""What the commands that set aishell up print under --json, as types; see `shapes`."""

from __future__ import annotations

from dataclasses import dataclass, field

from aishell_tui.cli.shapes import doc


@dataclass(frozen=True, slots=True)
class AbilityRow:
    """One thing that a target can or cannot deliver."""

    ability: str = field(metadata=doc("connect, metrics, sessions, locks, statements, relations, settings, ..."))
    works: bool = field(metadata=doc("whether it was read"))
    detail: str = field(metadata=doc("what was read, or why it was not"))
    hint: str = field(metadata=doc("what to do about it; may be empty"))
    absent: bool = field(default=False, metadata=doc("whether the server has no such thing, which is no fault of the connection"))


@dataclass(frozen=True, slots=True)
class ConnectReport:
    """aishell connect URL --json."""

    url: str = field(metadata=doc("the URL without its password"))
    engine: str = field(metadata=doc("its engine"))
    version: str | None = field(metadata=doc("the engine's version; null when it was not asked or did not answer"))
    state: str = field(
        metadata=doc("ok when all that the server has can be read, warning when a part cannot, critical or unknown when it cannot be read")
    )
    abilities: tuple[AbilityRow, ...] = field(metadata=doc("what works and what does not; empty without --test"))
    saved_as: str | None = field(metadata=doc("the name under which it was saved; null when it was not"))
    saved_to: str | None = field(metadata=doc("the configuration file that it was saved to; null when it was not"))
    password_variable: str | None = field(metadata=doc("the environment variable that must hold the password; null for none"))


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """One error or warning of a configuration."""

    file: str = field(metadata=doc("the file, or what else the value came from"))
    line: int | None = field(metadata=doc("the line, from 1; null for the file as a whole"))
    column: int | None = field(metadata=doc("the column, from 1; null for the file as a whole"))
    message: str = field(metadata=doc("what is wrong"))
    hint: str = field(metadata=doc("what to do about it; may be empty"))


@dataclass(frozen=True, slots=True)
class ValidateReport:
    """aishell config validate --json."""

    ok: bool = field(metadata=doc("whether there is no error"))
    files: tuple[str, ...] = field(metadata=doc("the files that were read"))
    errors: tuple[ProblemRow, ...] = field(metadata=doc("what makes it invalid"))
    warnings: tuple[ProblemRow, ...] = field(metadata=doc("what should be looked at"))


@dataclass(frozen=True, slots=True)
class EffectiveRow:
    """One value that is in force."""

    key: str = field(metadata=doc("its dotted key, such as dashboard.theme or targets.app.url"))
    value: str | int | float | bool | tuple[str, ...] | None = field(metadata=doc("the value, secrets as ***"))
    origin: str = field(metadata=doc("default, file:line, an environment variable or an option"))


@dataclass(frozen=True, slots=True)
class EffectiveReport:
    """aishell config show --json."""

    files: tuple[str, ...] = field(metadata=doc("the files that were read, the strongest last"))
    values: tuple[EffectiveRow, ...] = field(metadata=doc("every value that is in force"))

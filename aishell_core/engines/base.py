"""The abilities of an engine session: callers ask for one of these, never for an engine's name.

Every method takes a deadline in seconds and raises `TargetError`, to which all driver errors are mapped at the border.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from aishell_core.values import CommandResult, Facts, Failure, Limits, PlanNode, Relation, Session, Value

Cell = str | int | float | bytes | None


@runtime_checkable
class Pingable(Protocol):
    """Can say whether it is there and what it is."""

    async def ping(self, deadline_seconds: float) -> Facts:
        """What the server says of itself."""


@runtime_checkable
class Queryable(Protocol):
    """Can run a read-only statement with bound parameters."""

    async def query(self, sql: str, parameters: tuple[Cell, ...], deadline_seconds: float) -> tuple[tuple[Cell, ...], ...]:
        """The rows of a read-only statement."""


@runtime_checkable
class Explainable(Protocol):
    """Can show the plan of a statement without running it."""

    async def explain(self, sql: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        """The plan's root steps."""


@runtime_checkable
class Estimating(Protocol):
    """Can tell how many rows a command would touch where the engine's plans do not say so."""

    async def estimated_rows(self, command: str, database: str, deadline_seconds: float) -> float | None:
        """About how many, counted no further than is worth it; None where the command touches none or that is not known."""


@runtime_checkable
class Cancellable(Protocol):
    """Can cancel what a session runs, and end a session, after checking that it is still the same one.

    The check and the act are one statement where the engine can do that, else as close together as it allows. A session
    that has ended, or whose id belongs to another one now (another `started_at`), is left alone: `TargetError` with
    `FailureCode.GONE`. What the role may not do is `FailureCode.PRIVILEGE` with the exact grant as hint.
    """

    async def cancel(self, session: Session, deadline_seconds: float) -> None:
        """Cancel the running statement of exactly this session."""

    async def terminate(self, session: Session, deadline_seconds: float) -> None:
        """End exactly this session."""


@runtime_checkable
class Runnable(Protocol):
    """Can run one command of a person in the engine's own language, with bound parameters and within limits.

    With `read_only` the engine itself refuses a write wherever it can (a read-only transaction); ending a session is no
    write. It does not stand in for judging the command before. Raises `TargetError`; a time limit that passed is
    `FailureCode.TIMEOUT`.
    """

    async def run(
        self, command: str, parameters: tuple[Value, ...], limits: Limits, *, database: str = "", read_only: bool = True
    ) -> CommandResult:
        """What the command brought; on a connection of its own that is closed afterwards, so that nothing it set stays."""


@runtime_checkable
class Placing(Protocol):
    """Can tell where a command would run."""

    def database_of(self, command: str, database: str) -> str:
        """The database, or what names without one belong to: that of the command's own word, else the given, else the target's own.

        "" where there is none; raises TargetError where the target cannot say.
        """


@runtime_checkable
class Introspectable(Protocol):
    """Can list tables and indexes, and check the database's integrity on demand."""

    async def relations(self, deadline_seconds: float) -> tuple[Relation, ...]:
        """Tables and indexes with their sizes."""

    async def check_integrity(self, deadline_seconds: float) -> tuple[Failure, ...]:
        """What is damaged; empty when all is well."""


@runtime_checkable
class Closeable(Protocol):
    """Holds something that must be let go."""

    async def close(self) -> None:
        """Let go of the connection; never raises and may be called twice."""

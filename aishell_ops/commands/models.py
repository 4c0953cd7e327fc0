"""What running a command deals in."""

from __future__ import annotations

from dataclasses import dataclass, field

from aishell_core.safety.decision import Confirmation, Decision, Place
from aishell_core.safety.risk import Risk
from aishell_core.safety.roles import Actor
from aishell_core.values import Limits, Value


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wrote, in the engine's own language, with the values to bind; `database` is "" for the target's own."""

    text: str
    parameters: tuple[Value, ...] = ()
    database: str = ""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Plan:
    """A command with what it can do and whether that is allowed here.

    `database` is the one in which it would run, "" where there is none; `estimated_rows` is None where nobody knows.
    """

    command: Command
    engine: str
    place: Place
    actor: Actor
    risk: Risk
    decision: Decision
    database: str = ""
    estimated_rows: float | None = None

    @property
    def confirmation(self) -> Confirmation:
        """What has to be answered before it runs."""
        return self.decision.confirmation

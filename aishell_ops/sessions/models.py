"""What cancelling and ending sessions deals in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aishell_core.errors import TargetError
from aishell_core.safety.decision import Confirmation, Decision, Place
from aishell_core.safety.risk import ActionClass, Risk
from aishell_core.safety.roles import Actor
from aishell_core.values import Ability, Session


class Act(StrEnum):
    """What is done to a session; the value is also the word for it."""

    CANCEL = "cancel"
    TERMINATE = "terminate"

    @property
    def action(self) -> ActionClass:
        """The action class that a role must have."""
        return ActionClass.CANCEL if self is Act.CANCEL else ActionClass.TERMINATE

    @property
    def ability(self) -> Ability:
        """What the collector must be able to do."""
        return Ability.CANCEL if self is Act.CANCEL else Ability.TERMINATE


@dataclass(frozen=True, slots=True)
class Victim:
    """A session that would be acted on, as it was seen: how long it has been at it, who waits for it, what happens to it."""

    session: Session
    age_seconds: float | None = None
    waiting_behind: int = 0
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done to which sessions of which target, by whom, and whether that is allowed."""

    act: Act
    engine: str
    place: Place
    actor: Actor
    victims: tuple[Victim, ...]
    risk: Risk
    decision: Decision

    @property
    def confirmation(self) -> Confirmation:
        """What has to be answered before it is done."""
        return self.decision.confirmation

    @property
    def title(self) -> str:
        """The plan in a few words, such as `terminate 2 sessions`."""
        what = "the statement of" if self.act is Act.CANCEL else ""
        many = f"session {self.victims[0].session.id}" if len(self.victims) == 1 else f"{len(self.victims)} sessions"
        return " ".join(word for word in (self.act.value, what, many) if word)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went for one session; `error` is None where it was done."""

    session: Session
    error: TargetError | None = None

"""How much harm a command can do, judged before it runs; pure, and never from its first word alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class RiskLevel(StrEnum):
    """How much harm a command can do, the least first."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Its place in the order, 0 for none."""
        return _LEVELS.index(self)


class ActionClass(StrEnum):
    """What sort of thing is done, the least grave first; roles are made of these."""

    READ = "read"
    CANCEL = "cancel"
    WRITE = "write"
    TERMINATE = "terminate"
    SCHEMA = "schema"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Its place in the order of gravity."""
        return _CLASSES.index(self)


_LEVELS = tuple(RiskLevel)
_CLASSES = tuple(ActionClass)
_WRITING = frozenset({ActionClass.WRITE, ActionClass.SCHEMA, ActionClass.ADMIN})


@dataclass(frozen=True, slots=True)
class Risk:
    """What a command can do: how bad, every action class that it needs (the gravest last), and why in words.

    A command that could not be understood needs the class admin: nobody knows what it does.
    """

    level: RiskLevel = RiskLevel.NONE
    actions: tuple[ActionClass, ...] = (ActionClass.READ,)
    reasons: tuple[str, ...] = ()
    understood: bool = True

    @property
    def action(self) -> ActionClass:
        """The gravest of its action classes."""
        return self.actions[-1]

    @property
    def is_read(self) -> bool:
        """Whether it does nothing but read."""
        return self.actions == (ActionClass.READ,)

    @property
    def may_write(self) -> bool:
        """Whether it may change what the server holds; ending sessions and cancelling statements does not."""
        return not _WRITING.isdisjoint(self.actions)

    def at_least(self, level: RiskLevel, *reasons: str) -> Risk:
        """The same with at least this level, and with further reasons."""
        return replace(self, level=max(self.level, level, key=_rank), reasons=_once((*self.reasons, *reasons)))


def _rank(level: RiskLevel) -> int:
    return level.rank


def _once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word))


def risk_of(level: RiskLevel, action: ActionClass, *reasons: str) -> Risk:
    """The risk of one thing done."""
    return Risk(level, (action,), _once(reasons))


def not_understood(*reasons: str) -> Risk:
    """The risk of what nobody could read."""
    return Risk(RiskLevel.HIGH, (ActionClass.ADMIN,), _once(reasons), understood=False)


def together(risks: Iterable[Risk]) -> Risk:
    """The risk of several things done at once: the highest level, all classes, all reasons."""
    found = tuple(risks)
    if not found:
        return Risk()
    actions = sorted({action for risk in found for action in risk.actions}, key=lambda action: action.rank)
    return Risk(
        max((risk.level for risk in found), key=_rank),
        tuple(actions),
        _once(reason for risk in found for reason in risk.reasons),
        all(risk.understood for risk in found),
    )


def session_risk(action: ActionClass, count: int = 1) -> Risk:
    """The risk of cancelling statements (`ActionClass.CANCEL`) or ending sessions (`ActionClass.TERMINATE`)."""
    if action is ActionClass.CANCEL:
        return risk_of(RiskLevel.LOW, action, "the running statement is cancelled and its work undone")
    level = RiskLevel.MEDIUM if count == 1 else RiskLevel.HIGH
    return risk_of(level, action, "the session ends, and its open transaction is rolled back")

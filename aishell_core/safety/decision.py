"""Whether somebody may do something to a target, and how it has to be confirmed; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aishell_core.safety.risk import ActionClass, Risk, RiskLevel
from aishell_core.safety.roles import Actor, Grant, Policy, Role, roles_with
from aishell_core.targets import Environment


class Confirmation(StrEnum):
    """What has to be answered before something is done."""

    NONE = "none"
    YES = "yes"
    TYPED_NAME = "typed_name"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something would be done: the target's name, how careful one has to be with it, whether nothing may be changed.

    `known` is False where nobody who may has said what it is, as of a target that only the command line names: it is treated
    as production, and grants that are bound to environments or targets do not hold there. `doubt` says why in words.
    `beside` are the names of other targets that the act reaches, too: only grants that hold for all of them count.
    """

    target: str
    environment: Environment = Environment.DEVELOPMENT
    read_only: bool = False
    known: bool = True
    doubt: str = "not configured"
    beside: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all targets that are reached."""
        return (self.target, *self.beside)

    @property
    def described(self) -> str:
        """The target with what it is, for people."""
        what = self.environment.value if self.known else f"{self.doubt}, so taken for production"
        reached = f", the database of {' and '.join(self.beside)}" if self.beside else ""
        return f"{self.target} ({what}{reached})"

    @property
    def care(self) -> Environment:
        """How careful one has to be with it."""
        return self.environment if self.known else Environment.PRODUCTION


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it may be done, by which role, what has to be answered first; or why not, and what would allow it.

    `role` is "" where no role decided.
    """

    allowed: bool
    confirmation: Confirmation = Confirmation.NONE
    role: str = ""
    message: str = ""
    hint: str = ""


def decide(actor: Actor, policy: Policy, place: Place, risk: Risk, count: int = 1) -> Decision:
    """Whether an actor may do something of a risk to `count` things at once.

    Denied unless a grant allows every action class that it needs. Where no roles are configured at all everybody may
    read, because whoever has the database's own password reads anyway, and nobody may do anything else.
    """
    if place.read_only and not risk.is_read:
        return _read_only(place, risk)
    if not policy.configured:
        return Decision(True, _confirmation(place, risk, count)) if risk.is_read else _no_roles(actor, policy, place, risk)
    grants = _held(actor, policy, place)
    able = [grant for grant in grants if grant.allowed(place.care).issuperset(risk.actions)]
    if not able:
        return _refused(actor, policy, place, risk, grants)
    least = min(able, key=lambda grant: len(grant.allowed(place.care)))
    return Decision(True, _confirmation(place, risk, count), least.role.value)


def _held(actor: Actor, policy: Policy, place: Place) -> tuple[Grant, ...]:
    held = policy.held(actor, place.target, place.care)
    held = tuple(grant for grant in held if all(grant.holds_for(actor, name, place.care) for name in place.beside))
    return held if place.known else tuple(grant for grant in held if not grant.targets and not grant.environments)


def _confirmation(place: Place, risk: Risk, count: int) -> Confirmation:
    if risk.is_read:
        return Confirmation.NONE if risk.level.rank < RiskLevel.MEDIUM.rank else Confirmation.YES
    careful = place.care is Environment.PRODUCTION or count > 1 or risk.level.rank >= RiskLevel.HIGH.rank
    return Confirmation.TYPED_NAME if careful else Confirmation.YES


def _read_only(place: Place, risk: Risk) -> Decision:
    why = f"{place.target} is read-only here, and this would {_verb(risk.action)} it"
    hint = "read_only: true in the configuration says so, for it or for all, or AISHELL_READ_ONLY, or --read-only"
    return Decision(False, message=why, hint=hint)


def _no_roles(actor: Actor, policy: Policy, place: Place, risk: Risk) -> Decision:
    message = f"nobody has a role yet, so {actor.user} may only read: this would {_verb(risk.action)} {place.target}"
    return Decision(False, message=message, hint=_grant_hint(actor, policy, place, risk))


def _refused(actor: Actor, policy: Policy, place: Place, risk: Risk, grants: tuple[Grant, ...]) -> Decision:
    roles = tuple(dict.fromkeys(grant.role for grant in grants))
    who = f"{actor.user} has no role" if not roles else f"{actor.user} is {_listed(roles)}"
    missing = sorted(set(risk.actions) - {action for grant in grants for action in grant.allowed(place.care)}, key=_gravity)
    wanted = missing[-1] if missing else risk.action
    message = f"{who} on {place.described} and may not {_verb(wanted)} it"
    return Decision(False, role=roles[0].value if roles else "", message=message, hint=_grant_hint(actor, policy, place, risk))


def _gravity(action: ActionClass) -> int:
    return action.rank


def _listed(roles: tuple[Role, ...]) -> str:
    return " and ".join(roles)


def _verb(action: ActionClass) -> str:
    return _VERBS[action]


_VERBS = {
    ActionClass.READ: "read from",
    ActionClass.CANCEL: "cancel statements on",
    ActionClass.WRITE: "write to",
    ActionClass.TERMINATE: "end sessions on",
    ActionClass.SCHEMA: "change the schema of",
    ActionClass.ADMIN: "administer",
}


def _grant_hint(actor: Actor, policy: Policy, place: Place, risk: Risk) -> str:
    """The lines of the configuration that would allow it."""
    able = roles_with(risk.actions, place.care)
    file = policy.file or "the configuration"
    where = "" if not place.known else f"\n    targets: [{', '.join(place.names)}]"
    return f"these lines in {file} would allow it:\nroles:\n  - role: {able[0]}\n    users: [{actor.user}]{where}"

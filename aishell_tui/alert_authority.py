"""Who may quiet alerts: acknowledge them, which stops escalation, and silence them; each is written into the audit log.

Where roles are configured, it takes one that may cancel statements on every target concerned (admin, operator; developer outside
of production): whoever keeps others from being told must be one of those who act. Where none are, everybody may who can write
the state database, because it is their own. A read-only session may: nothing is changed in any database.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from aishell_core.errors import AishellError, RefusedError
from aishell_core.safety.actor import current_actor
from aishell_core.safety.audit_entry import Attempt, Outcome, Result
from aishell_core.safety.decision import Decision, Place
from aishell_core.safety.risk import ActionClass, Risk, RiskLevel
from aishell_core.safety.roles import Actor, Policy, roles_with
from aishell_core.values import TargetId
from aishell_tui.authority import Authority
from aishell_tui.places import find_places
from alerts.matchers import matches
from alerts.models import Alert, Matcher

if TYPE_CHECKING:
    # The screens of alerts need none of it.
    from aishell_tui.config.load import Configuration

T = TypeVar("T")

_RISK = Risk(RiskLevel.LOW, (ActionClass.CANCEL,), ("others may not be told",))
_TARGET = "target"


def own_authority(loaded: Configuration) -> Authority:
    """The authority of whoever runs this process over the alerts of a configuration; no secret of a target is fetched."""
    places = {TargetId(each.spec.name): Place(each.spec.name, each.spec.environment) for each in loaded.targets}
    return Authority(current_actor(os.environ), loaded.policy, find_places().state, places)


def concerned(matchers: Sequence[Matcher], authority: Authority, alerts: Iterable[Alert]) -> tuple[str, ...]:
    """The targets whose alerts a silence may quiet: those configured, and those of alerts that there are, by their names.

    What a silence asks besides the target's name narrows nothing here, for that may be another tomorrow.
    """
    of_target = tuple(matcher for matcher in matchers if matcher.label == _TARGET)
    names = dict.fromkeys([*map(str, authority.places), *(str(alert.key.target) for alert in alerts)])
    return tuple(name for name in names if name and matches(of_target, {_TARGET: name}))


def decide_quiet(actor: Actor, policy: Policy, place: Place) -> Decision:
    """Whether somebody may quiet the alerts of a target; pure."""
    if not policy.configured:
        return Decision(True)
    held = policy.held(actor, place.target, place.care)
    held = held if place.known else tuple(grant for grant in held if not grant.targets and not grant.environments)
    able = next((grant for grant in held if ActionClass.CANCEL in grant.allowed(place.care)), None)
    if able is not None:
        return Decision(True, role=able.role.value)
    roles = " and ".join(dict.fromkeys(grant.role.value for grant in held))
    where = f"{place.target} ({place.care})" if place.target else "targets that are not known yet"
    message = f"{actor.user} {f'is {roles}' if roles else 'has no role'} on {where} and may not quiet its alerts"
    wanted = roles_with((ActionClass.CANCEL,), place.care)[0]
    narrowed = f"\n    targets: [{place.target}]" if place.known else ""
    lines = f"roles:\n  - role: {wanted}\n    users: [{actor.user}]{narrowed}"
    return Decision(
        False, role=roles, message=message, hint=f"these lines in {policy.file or 'the configuration'} would allow it:\n{lines}"
    )


def quiet(authority: Authority, targets: Sequence[str], subject: str, work: Callable[[], T]) -> T:
    """The result of `work`, which quiets alerts of these targets, with the attempt and its result in the audit log.

    `subject` says in a few words what is done. Raises RefusedError, StateError, and what `work` raises. Blocking.
    """
    places = [_place(authority, name) for name in targets] or [Place("", known=False)]
    decisions = [decide_quiet(authority.actor, authority.policy, place) for place in places]
    refused = next(((place, decision) for place, decision in zip(places, decisions, strict=True) if not decision.allowed), None)
    place, decision = refused if refused is not None else (places[0], decisions[0])
    log = authority.log
    ticket = log.record_attempt(Attempt(authority.actor, place, "", "", _RISK, decision, subject, count=max(1, len(targets))))
    if not decision.allowed:
        raise RefusedError(decision.message, decision.hint)
    began = time.monotonic()
    try:
        done = work()
    except AishellError as error:
        log.record_result(ticket, Outcome(Result.FAILED, time.monotonic() - began, error.code))
        raise
    log.record_result(ticket, Outcome(Result.DONE, time.monotonic() - began))
    return done


def _place(authority: Authority, name: str) -> Place:
    """Where it is done; of a target that no file names nobody has said how careful one has to be."""
    return authority.places.get(TargetId(name)) or Place(name, known=False)

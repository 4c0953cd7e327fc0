"""What is written down of an action: the attempt before it, the result after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from aishell_core.safety.audit_record import Field
from aishell_core.safety.decision import Confirmation, Decision, Place
from aishell_core.safety.risk import Risk
from aishell_core.safety.roles import Actor
from aishell_core.values import Value


class Verdict(StrEnum):
    """How an attempt went on."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    DECLINED = "declined"


class Result(StrEnum):
    """How an action ended; an attempt without one was cut off, or still runs."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An action that somebody is about to take.

    `command` is the statement as it would be run, or a description such as `pg_terminate_backend(4711)`; its literals
    and its `parameters` are replaced by keyed hashes before anything is written. `engine` is the target's engine, whose
    language the command is written in. `subject` names what is acted on in words that hold no data, such as `session
    4711 since 14:02:31`.
    `database` is the one in which it is done, "" where that is not known or there is none.
    `confirmed` says that the question which the decision wants was answered with yes, or with the target's name.
    """

    actor: Actor
    place: Place
    engine: str
    command: str
    risk: Risk
    decision: Decision
    subject: str = ""
    count: int = 1
    confirmed: bool = False
    parameters: tuple[Value, ...] = ()
    database: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether it may go on."""
        if not self.decision.allowed:
            return Verdict.REFUSED
        answered = self.confirmed or self.decision.confirmation is Confirmation.NONE
        return Verdict.ALLOWED if answered else Verdict.DECLINED


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action ended: a code for what went wrong (never a server's message, which may quote data), and how long it took."""

    result: Result
    seconds: float
    code: str = ""
    affected: int | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """The sequence number under which an attempt was recorded; its result refers to it."""

    sequence: int


def attempt_fields(attempt: Attempt, statement: str, parameters: Iterable[str] = ()) -> dict[str, Field]:
    """An attempt as fields of a record; `statement` is its command without its literals, `parameters` are hashes."""
    actor, place, risk, decision = attempt.actor, attempt.place, attempt.risk, attempt.decision
    return {
        "event": "attempt",
        "user": actor.user,
        "uid": actor.uid,
        "sudo_user": actor.sudo_user,
        "login_user": actor.login_user,
        "host": actor.host,
        "tty": actor.tty,
        "ssh_client": actor.ssh_client,
        "role": decision.role,
        "target": place.target,
        "database": attempt.database,
        "engine": attempt.engine,
        "environment": place.environment.value if place.known else "unknown",
        "actions": [action.value for action in risk.actions],
        "subject": attempt.subject,
        "count": attempt.count,
        "statement": statement,
        "parameters": list(parameters),
        "risk": risk.level.value,
        "reasons": list(risk.reasons),
        "confirmation": decision.confirmation.value,
        "decision": attempt.verdict.value,
        "why": decision.message,
    }


def outcome_fields(ticket: Ticket, outcome: Outcome) -> dict[str, Field]:
    """A result as fields of a record."""
    return {
        "event": "result",
        "attempt": ticket.sequence,
        "result": outcome.result.value,
        "code": outcome.code,
        "affected": outcome.affected,
        "milliseconds": round(outcome.seconds * 1000, 3),
    }

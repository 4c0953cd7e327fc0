"""The audit log: one line for each attempt before the act and one for its result, each on the disk before anything goes on."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aishell_core.clock import Clock, SystemClock
from aishell_core.errors import StateError
from aishell_core.folders import make_private_folders
from aishell_core.safety.audit_entry import Attempt, Outcome, Ticket, attempt_fields, outcome_fields
from aishell_core.safety.audit_folder import AuditFolder
from aishell_core.safety.audit_look import damage_of
from aishell_core.safety.audit_writer import LONGEST_STATEMENT, AuditLimits, AuditWriter, shortened
from aishell_core.safety.redaction import LiteralHash, redacted

_MOST_PARAMETERS = 100
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class AuditLog:
    """The audit log of a state folder; safe to be written by several processes and threads at once.

    Every call blocks until the record is on the disk (milliseconds); raises StateError where it cannot be written, and
    then whatever was to be recorded must not happen.
    """

    def __init__(self, state: Path, clock: Clock | None = None, limits: AuditLimits | None = None) -> None:
        self._folder = AuditFolder(state)
        self._clock = clock or SystemClock()
        self._limits = limits or AuditLimits()

    def record_attempt(self, attempt: Attempt) -> Ticket:
        """Write down what somebody is about to do, whether it is allowed or not."""
        with self._told("the action is not carried out: "), self._opened() as writer:
            literal_hash = LiteralHash(writer.keys.literals)
            understood = attempt.risk.understood
            statement = redacted(attempt.engine, attempt.command, literal_hash, attempt.parameters, understood=understood)
            parameters = [literal_hash(str(value)) for value in attempt.parameters[:_MOST_PARAMETERS]]
            fields = attempt_fields(attempt, shortened(statement, LONGEST_STATEMENT), parameters)
            return Ticket(writer.add(fields).sequence)

    def record_result(self, ticket: Ticket, outcome: Outcome) -> None:
        """Write down how it ended."""
        with self._told(""), self._opened() as writer:
            writer.add(outcome_fields(ticket, outcome))

    def damage(self) -> str:
        """What is damaged in what was written before, in one line, for people; "" for nothing.

        Every line is looked at where somebody else has changed the files since the last look, which takes 0.1 ms for each.
        """
        with self._told(""):
            return damage_of(self._folder.state)

    @contextmanager
    def _opened(self) -> Iterator[AuditWriter]:
        make_private_folders(self._folder.state)
        with self._folder.locked():
            yield AuditWriter(self._folder, self._clock.now(), self._limits)

    @contextmanager
    def _told(self, consequence: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            folder = self._folder.segments_folder
            if error.errno in _NO_ROOM:
                raise StateError(
                    f"{consequence}its audit record cannot be written to {folder}, the disk is full",
                    f"make room on the disk of {folder.parent}",
                ) from error
            reason = error.strerror or str(error)
            raise StateError(
                f"{consequence}its audit record cannot be written to {folder}: {reason}",
                "make the folder writable for you, or set AISHELL_HOME to one that is",
            ) from error

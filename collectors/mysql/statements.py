"""Reading counted statements: figures of those that ran since, each text once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from aishell_core.clock import Clock
from aishell_core.engines.mysql import Lane, MysqlSession, Row, ServerFacts
from aishell_core.errors import TargetError
from aishell_core.values import Cost, Failure, FailureCode, Part, Statement
from collectors.beside import Beside
from collectors.budget import Budget
from collectors.mysql.hints import digests_hint
from collectors.mysql.question_files import question
from collectors.mysql.slow_questions import grant
from collectors.mysql.statements_digests import DigestNames, is_own, readable_text
from collectors.mysql.statements_rows import statement_of

EVERY_SECONDS = 4.5
"""The cadence; a little less than the five seconds within which the screen promises to move."""

_WHOLE_SECONDS = 60.0
"""After what time all digests are read again, so that those that the server has forgotten go."""

_OVERLAP_SECONDS = 2.0
_REFUSED_SECONDS = 300.0
_LEAST_SECONDS = 0.05
_MOST_ASKED = 400
_ALL = 0.0


@dataclass(frozen=True, slots=True)
class StatementsLook:
    """The statements of one moment; None where the server counts none that we can read, or a reading has not `ended` yet."""

    statements: tuple[Statement, ...] | None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)
    ended: bool = True


class StatementsReader:
    """Reads events_statements_summary_by_digest on the slow connection, and keeps what has not run since."""

    def __init__(self, session: MysqlSession, clock: Clock, names: DigestNames) -> None:
        self._session = session
        self._clock = clock
        self._names = names
        self._known: dict[str, Statement] = {}
        self._texts: dict[str, str] = {}
        self._since = _ALL
        self._life: float | None = None
        self._whole_at = 0.0
        self._refused: tuple[float, Failure] | None = None
        self.may_count = False

    async def read(self, budget: Budget) -> StatementsLook:
        """The statements; raises TargetError."""
        server = await self._session.facts(Lane.SLOW, budget.left)
        if server.started_at != self._life:
            self._life, self._known, self._since = server.started_at, {}, _ALL
        missing = self._missing(server)
        self.may_count = missing is None
        if missing is not None:
            return StatementsLook(None, (missing,))
        now, steady = self._clock.now(), self._clock.steady()
        whole = self._since == _ALL or steady >= self._whole_at
        try:
            rows, cost = await self._ask(server, "digests", (_ALL if whole else self._since,), budget)
        except TargetError as error:
            if error.reason is not FailureCode.PRIVILEGE:
                raise
            hint = grant(server, "SELECT", "performance_schema.*")
            refused = replace(error.failure(Part.STATEMENTS, now), hint=hint)
            self._refused, self.may_count = (steady + _REFUSED_SECONDS, refused), False
            return StatementsLook(None, (refused,), Cost(1))
        self._since = now - _OVERLAP_SECONDS
        cost += await self._learn(server, rows, budget)
        found = {one.digest: one for row in rows if (one := statement_of(row, self._texts, self._names, self._known)) is not None}
        if whole:
            self._known, self._whole_at = found, steady + _WHOLE_SECONDS
            kept = {one.partition("@")[0] for one in found}
            self._names.keep(kept)
        else:
            self._known |= found
        return StatementsLook(tuple(self._known.values()), (), cost)

    def _missing(self, server: ServerFacts) -> Failure | None:
        if not server.performance_schema:
            message = "the server counts no statements: performance_schema is off; those seen running are estimated"
            return Failure(Part.STATEMENTS, FailureCode.MISSING, message, digests_hint(), self._clock.now())
        if self._refused is not None and self._clock.steady() < self._refused[0]:
            return replace(self._refused[1], at=self._clock.now())
        return None

    async def _learn(self, server: ServerFacts, rows: tuple[Row, ...], budget: Budget) -> Cost:
        """Ask for the texts that are not known yet."""
        strange = [digest for digest in dict.fromkeys(row["digest"] for row in rows) if digest not in self._texts]
        if not strange:
            return Cost()
        every = int(len(strange) > _MOST_ASKED)
        found, cost = await self._ask(server, "digest_texts", (every, "" if every else ",".join(strange)), budget)
        for row in found:
            text = row["text"] or ""
            self._texts[row["digest"]] = "" if is_own(text) else readable_text(text)
            self._names.learn(row["digest"], text)
        return cost

    async def _ask(self, server: ServerFacts, name: str, parameters: tuple[object, ...], budget: Budget) -> tuple[tuple[Row, ...], Cost]:
        answer = await self._session.query(
            question(server, name), parameters, lane=Lane.SLOW, deadline_seconds=budget.at_least(_LEAST_SECONDS)
        )
        return answer.rows, answer.cost


class StatementsBeside:
    """Starts a reading when one is due, and hands over what has ended."""

    def __init__(self, reader: StatementsReader, clock: Clock) -> None:
        self._clock = clock
        self.reader = reader
        self._beside = Beside(clock, reader.read, "statements", EVERY_SECONDS)
        self._failures: tuple[Failure, ...] = ()

    def begin(self) -> None:
        """Start a reading if one is due and none is under way."""
        self._beside.begin()

    async def take(self, seconds_left: float) -> StatementsLook:
        """What has ended since the last call, waited for a moment; the statements are None where nothing has."""
        try:
            look = await self._beside.take(seconds_left)
        except TargetError as error:
            self._failures = (error.failure(Part.STATEMENTS, self._clock.now()),)
            return StatementsLook(None, self._failures, Cost(1), ended=False)
        if look is None:
            return StatementsLook(None, self._failures, ended=False)
        self._failures = look.failures
        return look

    def leave(self) -> None:
        """Nobody waits for statements any more."""
        self._beside.leave()

    def close(self) -> None:
        """Give up what is under way."""
        self._beside.close()

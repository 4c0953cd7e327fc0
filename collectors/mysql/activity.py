"""Reading what the sessions of a server do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aishell_core.clock import Clock
from aishell_core.engines.mysql import MysqlSession, ServerFacts
from aishell_core.engines.mysql_births import Seen
from aishell_core.values import Cost, Failure, Part, Session, essential
from collectors.budget import Budget
from collectors.mysql.activity_rows import Look, Transaction, session_of, transactions_of
from collectors.mysql.activity_threads import Thread, threads_of
from collectors.mysql.applications import Applications
from collectors.mysql.hot_questions import HotQuestions
from collectors.query_files import TAG

_AT_ONCE = 250
"""So many sessions are looked at in one go: a key that is pressed meanwhile waits for no more of them."""

_REST = 20.0
"""Open transactions are asked for again no sooner than so many times as long as that took: InnoDB stands still for it."""

_ALL = 0


@dataclass(frozen=True, slots=True)
class ActivityLook:
    """All sessions but ours at one moment, `complete` where the idle ones are among them; `own` counts our connections.

    `transactions` are those of all sessions; `sees_all` is False where the account may not see what others do, `sees_waits`
    where InnoDB does not tell it who waits for a row, `sees_transactions` where nothing tells it since when transactions are
    open. `threads` has the ids of the sessions by the number of their thread.
    """

    looked: tuple[Look, ...]
    transactions: Mapping[int, Transaction]
    complete: bool
    sees_all: bool
    sees_waits: bool = True
    sees_transactions: bool = True
    threads: Mapping[int, int] = field(default_factory=dict)
    own: int = 0
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)

    @property
    def sessions(self) -> tuple[Session, ...]:
        """All sessions."""
        return tuple(session for _, _, session in self.looked)


class ActivityReader:
    """Reads sessions and open transactions, and keeps the texts that a server sends once for each statement."""

    def __init__(self, session: MysqlSession, questions: HotQuestions, clock: Clock, digest_of: Callable[[Thread, str], str]) -> None:
        """`digest_of` names the statement that a thread runs or ran last, given its text."""
        self._session = session
        self._questions = questions
        self._clock = clock
        self._digest_of = digest_of
        self._applications = Applications(questions, clock)
        self._texts: dict[tuple[int, int | None], str] = {}
        self._since = _ALL
        self._by_schema = False
        self._transactions: Mapping[int, Transaction] = {}
        self._transactions_after = 0.0
        self._transactions_refused = False

    async def read(self, server: ServerFacts, budget: Budget, *, complete: bool, row_locks: bool) -> ActivityLook:
        """The sessions that do something, all where `complete`; `row_locks` says whether one waits for such a lock.

        Raises TargetError when the server cannot be read.
        """
        transactions, refusal, cost = await self._open_transactions(server, budget, row_locks=row_locks)
        rows = await self._threads(server, budget, transactions, complete=complete)
        threads, failures = rows.threads, rows.failures
        cost += rows.cost
        names: Mapping[int, str] = {}
        if complete and server.performance_schema:
            names, more = await self._applications.read(server, budget, (one.id for one in threads))
            cost += more
        sees_all = refusal is None or not rows.private
        sees_transactions = refusal is None or (self._by_schema and not server.mariadb)
        own = self._session.own_connections
        texts = self._take_texts(threads)
        others = [one for one in threads if one.id not in own and not _is_opening(one, server)]
        looked = await self._looked(others, transactions, texts, names, complete=complete, sees_transactions=sees_transactions)
        numbers = {one.thread: one.id for one in others if one.thread is not None}
        sight = (sees_all, refusal is None, sees_transactions)
        return ActivityLook(looked, transactions, complete, *sight, numbers, len(threads) - len(looked), failures, cost)

    async def _open_transactions(
        self, server: ServerFacts, budget: Budget, *, row_locks: bool
    ) -> tuple[Mapping[int, Transaction], Failure | None, Cost]:
        """Open transactions; where performance_schema tells their ages they are asked for while somebody waits alone.

        A refusal is known from the first reading on: also while nobody waits, that nobody does is then not said.
        """
        if self._by_schema and not server.mariadb and not row_locks and not self._transactions_refused:
            return {}, None, Cost()
        now = self._clock.steady()
        if now < self._transactions_after:
            return self._transactions, None, Cost()
        answer = await self._questions.ask_or_note(server, "open_transactions", Part.SESSIONS, budget)
        self._transactions_refused = isinstance(answer, Failure)
        if isinstance(answer, Failure):
            return {}, answer, Cost()
        self._transactions = transactions_of(answer.rows)
        self._transactions_after = now + _REST * answer.cost.seconds if answer.cost.seconds > 1 / _REST else 0.0
        return self._transactions, None, answer.cost

    async def _threads(self, server: ServerFacts, budget: Budget, transactions: Mapping[int, Transaction], *, complete: bool) -> _Threads:
        wanted = ",".join(map(str, transactions))
        failures: tuple[Failure, ...] = ()
        if server.performance_schema:
            answer = await self._questions.ask_or_note(server, "sessions_schema", Part.SESSIONS, budget, (int(complete), wanted))
            self._by_schema = not isinstance(answer, Failure)
            if not isinstance(answer, Failure):
                return _Threads(threads_of(answer.rows), cost=answer.cost)
            failures = (answer,)
        since, self._since = self._since, _ALL
        answer = await self._questions.ask_or_note(server, "sessions", Part.SESSIONS, budget, (since, int(complete), wanted))
        if isinstance(answer, Failure):
            return _Threads((), essential((*failures, answer)), private=True)
        threads = threads_of(answer.rows)
        if all(one.text is not None or (one.id, one.statement) in self._texts for one in threads if one.runs):
            self._since = max((one.statement or _ALL for one in threads), default=_ALL)
        return _Threads(threads, failures, answer.cost, private=True)

    def _take_texts(self, threads: tuple[Thread, ...]) -> Mapping[tuple[int, int | None], str]:
        """Keep the texts of the statements that still are there; those of idle sessions are not sent again."""
        before, self._texts = self._texts, {}
        for one in threads:
            key = (one.id, one.statement)
            text = one.text if one.text is not None else before.get(key)
            if text is not None:
                self._texts[key] = text
        return self._texts

    async def _looked(
        self,
        threads: list[Thread],
        transactions: Mapping[int, Transaction],
        texts: Mapping[tuple[int, int | None], str],
        names: Mapping[int, str],
        *,
        complete: bool,
        sees_transactions: bool,
    ) -> tuple[Look, ...]:
        """Each thread with what it is shown as; others have their turn in between."""
        now = self._clock.now()
        seen = (Seen(one.id, one.user or "", one.host or "", now - max(0.0, one.seconds or 0.0)) for one in threads)
        starts = self._session.births.note(seen, complete=complete)
        looked: list[Look] = []
        for first in range(0, len(threads), _AT_ONCE):
            for one in threads[first : first + _AT_ONCE]:
                text = texts.get((one.id, one.statement), "")
                session = session_of(
                    one,
                    transactions.get(one.id),
                    text=text,
                    digest=self._digest_of(one, text),
                    started_at=starts[one.id],
                    application=names.get(one.id, ""),
                    keeps_last=self._by_schema,
                    sees_transactions=sees_transactions,
                    connected_seconds=now - starts[one.id],
                )
                looked.append((one, transactions.get(one.id), session))
            await asyncio.sleep(0)
        return tuple(looked)


def _is_opening(thread: Thread, server: ServerFacts) -> bool:
    """Whether a thread is our other connection, which is just being made and has not told its id yet."""
    return thread.user == server.user and thread.text is not None and TAG in thread.text


@dataclass(frozen=True, slots=True)
class _Threads:
    """What was read of threads; `private` where a server shows an account without PROCESS its own ones only."""

    threads: tuple[Thread, ...]
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)
    private: bool = False

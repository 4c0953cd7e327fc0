"""The state database in a thread of its own: opened when it can be, with the claim to evaluate."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from aishell_core.clock import Clock
from aishell_core.errors import StateError
from aishell_core.state.codec import storable
from aishell_core.state.database import StateDatabase
from aishell_core.state.history import History
from aishell_core.state.lease import WriterLease, is_locked
from alerts.board.past import PastRequest
from alerts.handling import Evaluation, Standing, evaluation, standing
from alerts.holding import Holding
from alerts.lease import Claim, Lease, LeaseLostError
from alerts.models import Acknowledgement, Alert, Fingerprint, Silence
from alerts.notify import group_rows
from alerts.store import alert_rows, lease_rows, link_rows, silence_rows
from alerts.store.codec import decode_alert
from alerts.store.database import AlertStore, Fault, no_fault
from alerts.store.spare import add_grown, add_members, carry_back, carry_over
from alerts.variance import Comparison, Variance

T = TypeVar("T")

SPARE_AFTER_SECONDS = 3.0
"""So long the disk may take nothing before alerts go on in memory."""
BACK_EVERY_SECONDS = 5.0
_SIGN_NAME = "alerts-in-memory.lock"


def is_told_from_memory(folder: Path) -> bool:
    """Whether a program on this machine goes on in memory, because this state folder takes nothing: what lies there is behind."""
    return is_locked(folder / _SIGN_NAME)


@dataclass(frozen=True, slots=True)
class Taken:
    """What is found by one who begins to evaluate targets: their alerts as they were left, and when each was last evaluated.

    `links` says whom targets replicate from, as far as anybody knew; `is_first`, that this program had no targets before; `gone`
    are files of configurations that are there no more.
    """

    alerts: dict[Fingerprint, Alert]
    evaluated_at: Mapping[Fingerprint, float | None]
    is_first: bool = True
    links: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Look:
    """What the state database says before an evaluation.

    `taken` is there when this program has just begun to evaluate some targets, `standing` when it has none of them: then it is all
    that others found. `holding` is what this program evaluates, by names as they are stored, `fence` is what it is known by;
    `others` are the alerts that others evaluate, `of_channels` those about channels that do not work; `evaluation`
    says who evaluates all in all.
    """

    is_evaluator: bool
    holding: Holding = field(default_factory=Holding)
    fence: int = 0
    others: tuple[Alert, ...] = ()
    of_channels: tuple[Alert, ...] = ()
    evaluation: Evaluation = field(default_factory=Evaluation)
    acknowledgements: dict[Fingerprint, Acknowledgement] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    ended: tuple[Silence, ...] = ()
    """Silences that somebody has ended a short while ago."""
    taken: Taken | None = None
    standing: Standing | None = None
    variance: Variance = field(default_factory=Variance)


class Desk:
    """All that touches the disk; each coroutine waits for the one thread and for nothing else."""

    def __init__(self, folder: Path, clock: Clock, *, holder: str, boot: str, fault: Fault = no_fault) -> None:
        self._folder = folder
        self._clock = clock
        self.holder = holder
        self._boot = boot
        self._fault = fault
        self._store: AlertStore | None = None
        self._lease: Lease | None = None
        self._spare: tuple[AlertStore, Lease] | None = None
        self._failing_since: float | None = None
        self._tried_at = 0.0
        self._sign = WriterLease(folder / _SIGN_NAME)
        self._is_closed = False
        self._comparison = Comparison(clock, holder=holder, boot=boot)
        self.note = ""
        """Why alerts are not kept on the disk although they are told, "" while they are."""
        self._known: tuple[int, Standing] | None = None
        self._others: tuple[int, Holding, tuple[Alert, ...]] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aishell-alerts")

    @property
    def is_open(self) -> bool:
        """Whether the state database could be opened."""
        return self._store is not None

    @property
    def is_spare(self) -> bool:
        """Whether alerts are kept in memory alone, because the disk takes nothing."""
        return self._spare is not None

    @property
    def is_claimed(self) -> bool:
        """Whether this program evaluates, as far as it knows."""
        lease = self._current_lease
        return lease is not None and lease.is_claimed

    @property
    def may_tell(self) -> bool:
        """Whether this program surely is the one who evaluates; may be asked from any thread."""
        lease = self._current_lease
        return lease is not None and lease.is_held

    @property
    def needs_beat(self) -> bool:
        """Whether the others are to be shown that this program lives."""
        lease = self._current_lease
        return lease is not None and lease.needs_beat

    @property
    def _current_lease(self) -> Lease | None:
        spare = self._spare
        return self._lease if spare is None else spare[1]

    async def look(self, claim: Claim) -> Look:
        """What there is to know before an evaluation by one who could judge these targets; raises StateError."""
        return await self._in_thread(lambda: self._look(claim))

    async def write(self, work: Callable[[sqlite3.Connection], T], *, evaluated_at: float | None, is_durable: bool) -> T:
        """The result of `work`, in one transaction of the one who evaluates; raises StateError."""

        def write() -> T:
            try:
                result = self._opened()[1].write(work, evaluated_at=evaluated_at, is_durable=is_durable)
            except LeaseLostError:
                raise
            except StateError as error:
                if self._spare is None:
                    self._failed(error)
                raise
            self._failing_since = None
            return result

        return await self._in_thread(write)

    async def with_store(self, work: Callable[[AlertStore], T]) -> T:
        """The result of work on the store, whoever evaluates; raises StateError and what `work` raises."""
        return await self._in_thread(lambda: work(self._opened()[0]))

    async def compute(self, work: Callable[[], T]) -> T:
        """The result of work that only computes, but for longer than a screen may wait."""
        return await self._in_thread(work)

    async def history(self, request: PastRequest) -> History:
        """The kept figures that a window asks for; raises StateError."""

        def read() -> History:
            with closing(StateDatabase.open(self._folder, writable=False)) as database:
                return database.history(request.target, request.since, request.until)

        return await self._in_thread(read)

    async def close(self) -> None:
        """Let another program evaluate at once, and let go of the file; never raises StateError."""
        await self._in_thread(self._close)
        self._is_closed = True
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._is_closed:
            raise StateError("alerts are closed", "the program is ending")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _failed(self, error: StateError) -> None:
        """The disk took nothing. When that lasts, go on in memory, so that people are told; then this program must be the one who may."""
        steady = self._clock.steady()
        if self._failing_since is None:
            self._failing_since = steady
        if steady - self._failing_since < SPARE_AFTER_SECONDS or self._store is None or not self.is_claimed:
            return
        store = AlertStore.spare()
        with suppress(StateError):  # what cannot be read either is lost
            rows = self._store
            store.transact(lambda target: rows.read(lambda source: carry_over(source, target), None))
        if self._lease is None:
            return
        self._spare, self._tried_at = (store, self._lease.moved(store)), steady
        with suppress(OSError):  # others cannot be shown that this program lives, then
            self._sign.acquire()
        self.note = f"alerts are told, but kept in memory alone: {error.message} ({error.hint})"

    def _back_to_disk(self) -> None:
        """Try to go on where others see it; what came to be in memory goes there too, unless another program evaluates by now."""
        steady = self._clock.steady()
        if self._spare is None or self._lease is None or steady - self._tried_at < BACK_EVERY_SECONDS:
            return
        self._tried_at = steady
        store, holding = self._spare[0], self._lease.holding

        def back(target: sqlite3.Connection) -> None:
            known = lease_rows.load(target)
            if len(known.judges) == 1:
                store.read(lambda source: carry_back(source, target), None)
                return
            own = replace(holding, apart=frozenset(share for share in known.shares if share not in holding.shares))
            with closing(AlertStore.spare()) as others:
                # What another one has told meanwhile of what it judges is not known in memory, and would be lost.
                others.transact(lambda copy: carry_over(target, copy))
                store.read(lambda source: carry_back(source, target, own), None)
                others.read(lambda source: add_members(source, target, self._clock.now(), lambda alert: not _has(own, alert)), None)

        try:
            self._lease.write(back)
        except LeaseLostError:
            self._hand_over(store)
        except StateError:
            return
        self._spare, self._failing_since, self.note = None, None, ""
        self._sign.release()
        store.close()

    def _hand_over(self, spare: AlertStore) -> None:
        """Another program evaluates by now: it has to tell the end of what was told from memory alone."""

        def add(target: sqlite3.Connection) -> None:
            spare.read(lambda source: add_members(source, target, self._clock.now(), lambda _alert: True), None)
            spare.read(lambda source: add_grown(source, target), None)

        if self._store is not None:
            with suppress(StateError):  # full again: what is in memory is lost with this program's part
                self._store.transact(add)

    def _opened(self) -> tuple[AlertStore, Lease]:
        if self._spare is not None:
            return self._spare
        if self._store is None or self._lease is None:
            self._store = AlertStore.open(self._folder, now=self._clock.now, fault=self._fault)
            self._lease = Lease(self._store, self._clock, holder=self.holder, boot=self._boot)
            with suppress(OSError):  # as where the lock cannot be taken
                self._sign.prepare()
        return self._store, self._lease

    def _look(self, claim: Claim) -> Look:
        self._back_to_disk()
        store, lease = self._opened()
        fence, before = lease.fence, lease.holding
        if not lease.contend(claim):
            return Look(is_evaluator=False, standing=self._standing(store), variance=self._compared(store, 0, claim))
        is_first = lease.fence != fence
        known, holding = Holding() if is_first else before, lease.holding
        others = self._alerts_of_others(store, lease)
        look = store.read(lambda connection: self._read(connection, known, holding, is_first=is_first), Look(is_evaluator=True))
        return replace(look, holding=holding, fence=lease.fence, others=others, variance=self._compared(store, lease.fence, claim))

    def _compared(self, store: AlertStore, fence: int, claim: Claim) -> Variance:
        """What others have otherwise than this program; in memory there is nobody else, and a disk that takes nothing says nothing."""
        if self._spare is not None:
            return Variance()
        with suppress(StateError):
            return self._comparison.look(store, fence, claim)
        return Variance()

    def _alerts_of_others(self, store: AlertStore, lease: Lease) -> tuple[Alert, ...]:
        """Read again only when something was written since, or targets have come or gone."""
        version, known = store.version(), self._others
        if known is None or known[:2] != (version, lease.holding):
            nothing: tuple[Alert, ...] = ()
            found = store.read(lambda connection: tuple(alert_rows.others(connection, lease.fence).values()), nothing)
            known = self._others = version, lease.holding, found
        return known[2]

    def _standing(self, store: AlertStore) -> Standing:
        """What another program found; read again only when something was written since."""
        version = store.version()
        known = self._known
        if known is None or known[0] != version:
            known = self._known = (version, standing(store, self._clock, self._boot))
            return known[1]
        return replace(known[1], evaluation=store.read(lambda connection: evaluation(connection, self._clock, self._boot), Evaluation()))

    def _read(self, connection: sqlite3.Connection, before: Holding, holding: Holding, *, is_first: bool) -> Look:
        taken = None
        if is_first or holding.has_gained(before):
            kept = ((alert, (storable(alert.key.target), storable(alert.rule))) for alert in alert_rows.load(connection).values())
            alerts = {alert.fingerprint: alert for alert, share in kept if holding.has(*share) and not before.has(*share)}
            gone = frozenset(file for file in {alert.configuration for alert in alerts.values()} if file and not Path(file).exists())
            evaluated_at = _evaluated_at(connection, alerts, holding.targets - before.targets)
            taken = Taken(alerts, evaluated_at, is_first, link_rows.load(connection), gone)
        return Look(
            is_evaluator=True,
            acknowledgements=alert_rows.acknowledgements(connection),
            silences=silence_rows.load(connection, self._clock.now()),
            ended=silence_rows.ended_early(connection, self._clock.now()),
            taken=taken,
            of_channels=group_rows.own_alerts(connection),
            evaluation=evaluation(connection, self._clock, self._boot),
        )

    def _close(self) -> None:
        if self._spare is not None:
            self._tried_at = -BACK_EVERY_SECONDS
            self._back_to_disk()
        if self._lease is not None:
            with suppress(StateError):
                self._lease.give_back()
        self._sign.release()
        if self._store is not None:
            self._comparison.leave(self._store)
            self._store.close()
        self._store = self._lease = None


def _has(holding: Holding, written: str) -> bool:
    alert = decode_alert(written)
    return alert is not None and holding.has(storable(alert.key.target), storable(alert.rule))


def _evaluated_at(
    connection: sqlite3.Connection, alerts: Mapping[Fingerprint, Alert], gained: frozenset[str]
) -> dict[Fingerprint, float | None]:
    """When alerts were last evaluated: those of targets that come as a whole with their target, shares of one each by itself."""
    by_target = lease_rows.evaluated_at(connection, gained)
    return {
        fingerprint: by_target.get(target) if (target := storable(alert.key.target)) in gained else alert.evaluated_at
        for fingerprint, alert in alerts.items()
    }

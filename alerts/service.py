"""The service of alerts, without a screen: judges once a second (`alerts/pace.py`), keeps what comes of it, and has people told.

    service = AlertService(folder, rules=source, clock=clock, traits=traits_now, make_teller=make_teller, evidence=evidence_of)
    service.observe(reading, interval_seconds)      # each reading of each target, as it comes
    await service.run()                             # until cancelled; closes by itself
    service.view()                                  # what a screen shows, at any time and without waiting
    await service.acknowledge(name, owner, note)    # what people do; works in every dashboard on the same state

Of all programs on one state exactly one evaluates a target (`alerts/lease.py`); the others show what it finds. Judging is pure and
happens on the event loop; everything that touches the disk happens in one thread. All that comes of one evaluation, the
notices included, is one transaction: a crash loses an evaluation or none, never a half.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from aishell_core.alarm import NEVER, Alarm
from aishell_core.clock import Clock
from aishell_core.errors import StateError
from aishell_core.values import Reading, TargetId, Tier
from alerts import handling
from alerts.desk import Desk, Look
from alerts.evaluator import Evaluator
from alerts.handling import Evaluation, in_order
from alerts.lease import LeaseLostError, own_boot, own_name
from alerts.models import Alert, AlertChange, Attempt, Evidence, Fingerprint, Matcher, Silence
from alerts.notify import group_rows, outbox
from alerts.notify.models import ChannelState
from alerts.pace import INTERVAL_SECONDS, Pace
from alerts.ports import AlertsView, Company, EvidenceSource, MakeTeller, RuleSource, TraitsSource
from alerts.rules.book import RuleBook
from alerts.store import change_rows, silence_rows, variant_rows
from alerts.store.database import AlertStore, Fault, no_fault

T = TypeVar("T")

RULES_SECONDS = 2.0
RECALL_SECONDS = 5.0
SETTLING_SECONDS = 60.0
"""So long after it began an evaluator makes nothing of missing figures."""

_VALUES_SECONDS = 10.0
_PRUNE_SECONDS = 3600.0
_MOST_EVIDENCE = 50


class AlertService:
    """Ties together judging, the life of alerts, the state database and whoever tells people."""

    def __init__(
        self,
        folder: Path,
        *,
        rules: RuleSource,
        clock: Clock,
        traits: TraitsSource,
        make_teller: MakeTeller,
        evidence: EvidenceSource = lambda _alert: None,
        holder: str = "",
        boot: str = "",
        fault: Fault = no_fault,
        new_id: Callable[[], str] = lambda: uuid4().hex[:12],
    ) -> None:
        """`folder` is that of the state database; `holder` and `boot` name this program and this start of the machine."""
        self._clock = clock
        self._source = rules
        self._fault = fault
        self._new_id = new_id
        self._desk = Desk(folder, clock, holder=holder or own_name(), boot=boot or own_boot(), fault=fault)
        self._teller = make_teller(self._transact, lambda: self._desk.may_tell)
        self._evaluator = Evaluator(clock, traits, evidence)
        self._look = Look(is_evaluator=False)
        self._pace = Pace(clock.steady())
        self._alarm = Alarm(clock)
        self._has_seen_more = False
        self._valued_at = 0.0
        self._pruned_at: float | None = None
        self._note = ""

    # What others give and ask

    def observe(self, reading: Reading, interval_seconds: float) -> None:
        """Take in a reading of a target that is read so often."""
        self._evaluator.observe(reading, interval_seconds)
        # The frequent readings set the pace; the others come between them.
        if reading.tier is Tier.HOT and self._pace.heard(reading.target, self._clock.steady()):
            self._alarm.set(self._pace.due)

    def gap(self, target: TargetId) -> None:
        """A target began anew or was away: nothing is counted across."""
        self._evaluator.judging.gap(target)

    def view(self) -> AlertsView:
        """Everything as it stands, as far as this program knows."""
        own, look = self._evaluator, self._look
        if look.standing is not None:
            found = look.standing
            lacking = own.lacking(found.evaluation)
            known = found.alerts, found.silences, found.evaluation
            company = Company(own.watched, look.variance)
            return AlertsView(self._clock.now(), *known, False, own.book, self._note, lacking, own.has_rules, company)
        judges = look.evaluation.judges
        evaluation = Evaluation(self._desk.holder, own.now or None, own.now > 0, look.evaluation.unjudged, judges=judges)
        note = self._note or self._desk.note or self._teller.trouble
        alerts = in_order([*own.alerts.values(), *look.others, *look.of_channels])
        is_ready = bool(own.has_rules and (own.now or note))
        lacking = own.lacking(look.evaluation)
        company = Company(own.watched, look.variance)
        return AlertsView(own.now, alerts, look.silences, evaluation, self._desk.is_claimed, own.book, note, lacking, is_ready, company)

    async def acknowledge(self, name: str, owner: str, note: str = "") -> Alert:
        """Take an alert on, by its fingerprint or rule; raises UsageError and StateError."""
        return await self._desk.with_store(lambda store: handling.acknowledge(store, name, owner, note, self._clock.now()))

    async def unacknowledge(self, name: str, by: str = "") -> Alert:
        """Give an alert back; raises UsageError and StateError."""
        return await self._desk.with_store(lambda store: handling.unacknowledge(store, name, by, self._clock.now()))

    async def silence(self, matchers: tuple[Matcher, ...], starts_at: float, ends_at: float, author: str, comment: str = "") -> Silence:
        """Silence the alerts that all matchers match; raises UsageError and StateError."""
        name, now = self._new_id(), self._clock.now()
        return await self._desk.with_store(
            lambda store: handling.silence(store, name, matchers, starts_at, ends_at, author=author, comment=comment, now=now)
        )

    async def end_silence(self, identity: str, by: str) -> Silence:
        """End a silence now; raises UsageError and StateError."""
        return await self._desk.with_store(lambda store: handling.end_silence(store, identity, by, self._clock.now()))

    async def extend_silence(self, identity: str, ends_at: float, by: str) -> Silence:
        """Give a silence another end; raises UsageError and StateError."""
        return await self._desk.with_store(lambda store: handling.extend_silence(store, identity, ends_at, by, self._clock.now()))

    async def history(self, since: float, until: float, fingerprint: Fingerprint | None = None) -> tuple[AlertChange, ...]:
        """What happened in a span, the newest first; raises StateError."""
        return await self._desk.with_store(lambda store: handling.history(store, since, until, fingerprint=fingerprint))

    async def evidence(self, alert: Alert) -> Evidence | None:
        """What was seen when an alert fired, or rose, the last time; raises StateError."""
        return await self._desk.with_store(lambda store: handling.evidence(store, alert))

    async def with_store(self, work: Callable[[AlertStore], T]) -> T:
        """The result of something that people do (`alerts.handling`), in the thread of the disk; raises StateError and what it raises."""
        return await self._desk.with_store(work)

    async def keep_evidence(self, evidence: Sequence[Evidence]) -> None:
        """Keep more of what was seen when alerts fired, instead of what is kept of that moment, and tell what waited for it.

        Raises StateError.
        """
        await self._transact(lambda connection: change_rows.keep_evidence(connection, evidence))
        self._has_seen_more = True
        self._alarm.set(self._clock.steady())

    async def deliveries(self, fingerprint: Fingerprint | None = None, limit: int = 100) -> tuple[Attempt, ...]:
        """The last tries to tell of an alert, or of any, the newest first; raises StateError."""
        return await self._desk.with_store(lambda store: store.read(lambda connection: outbox.ledger(connection, fingerprint, limit), ()))

    async def tries(self, limit: int) -> tuple[Attempt, ...]:
        """The last tries to tell of any alert, the newest first, and behind them what receivers know from before; raises StateError."""
        return await self._desk.with_store(
            lambda store: store.read(lambda connection: (*outbox.ledger(connection, None, limit), *group_rows.heard(connection)), ())
        )

    async def channels(self) -> tuple[ChannelState, ...]:
        """How the channels are doing that were ever told anything; raises StateError."""
        nothing: tuple[ChannelState, ...] = ()
        return await self._desk.with_store(lambda store: store.read(lambda connection: outbox.channel_states(connection, {}), nothing))

    # What runs

    async def run(self) -> None:
        """Evaluate and tell until cancelled, then let another program do so."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read_rules())
                group.create_task(self._evaluate())
                group.create_task(self._tell())
                group.create_task(self._recall())
        finally:
            await self._desk.close()

    async def _read_rules(self) -> None:
        while True:
            book = await asyncio.to_thread(self._source.refresh)
            if book is not None:
                self.use(book)
            await self._clock.sleep(RULES_SECONDS)

    def use(self, book: RuleBook) -> None:
        """Go by these rules from now on; the alerts of those that stay live on."""
        self._evaluator.use(book)
        self._teller.configure(book.routes)

    async def _evaluate(self) -> None:
        while True:
            self._pace.began(self._clock.steady())
            await self.tick()
            self._pace.ended(self._clock.steady())
            await self._until_due()

    async def _until_due(self) -> None:
        """Wait for the next evaluation; what a message waited for, or has waited for long enough, does not keep it until then."""
        waits_until = self._waits_until()
        while True:
            self._alarm.at = self._clock.steady() if self._has_seen_more else min(self._pace.due, waits_until)
            await self._alarm.wait()
            has_waited = self._clock.steady() >= waits_until
            if not (self._has_seen_more or has_waited):
                return
            self._has_seen_more = False
            waits_until = NEVER if has_waited else waits_until
            moment = self._evaluator.moment()
            if moment is not None and self._desk.is_claimed:
                await self._save(moment)

    def _waits_until(self) -> float:
        """When the first message goes out without its causes, in steady seconds."""
        until, moment = self._teller.waits_until, self._evaluator.moment()
        return NEVER if until is None or moment is None else self._clock.steady() + max(0.0, until - moment)

    async def _tell(self) -> None:
        while True:
            if self._desk.may_tell:
                with suppress(StateError):  # whoever evaluates by now tells; what cannot be read is noted by the evaluation
                    await self._teller.run()
            await self._clock.sleep(INTERVAL_SECONDS)

    async def _recall(self) -> None:
        """Fill long windows from what is kept, one target after the other."""
        while True:
            for request in self._evaluator.lacking_past():
                with suppress(StateError):
                    self._evaluator.remember(request, await self._desk.history(request))
            await self._clock.sleep(RECALL_SECONDS)

    async def _transact(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        return await self._desk.write(work, evaluated_at=None, is_durable=False)

    # One evaluation

    async def tick(self) -> None:
        """Evaluate once, where it is this program's turn, and write what comes of it."""
        self._evaluator.look()
        was_open, has_rules = self._desk.is_open, self._evaluator.has_rules
        try:
            self._look = await self._desk.look(self._evaluator.claim())
            self._note = ""
        except StateError as error:
            self._look = replace(self._look, taken=None)
            self._note = _noted(error)
        taken = self._look.taken
        if was_open and ((taken is not None and taken.is_first) or self._look.standing is not None):
            self._evaluator.forget()
        if taken is not None:
            self._evaluator.begin(taken)
        if self._look.is_evaluator:
            self._evaluator.leave(self._look.holding)
            self._teller.judge = self._look.fence
        # Without any state database a dashboard judges for its own screen; beside one, only as the one whose turn it is.
        if self._desk.is_claimed or not self._desk.is_open:
            self._fault("evaluate")
            # Rules that came just now bring targets that are noted at the next look.
            if has_rules:
                rest = self._evaluator.judge(self._look)
                self._fault("judged")
                found = await self._desk.compute(rest)
                self._evaluator.take(found, await self._evaluator.seen(found))
            await self._save(self._evaluator.now)

    async def _save(self, now: float) -> None:
        """Write what there is to be written at a moment of the alerts' own time, which is that of the last evaluation or later."""
        own = self._evaluator
        unsaved = own.unsaved
        is_due = unsaved.is_urgent or not 0 <= now - self._valued_at < _VALUES_SECONDS
        # Before the first evaluation there is neither anything to tell nor a moment to tell it at.
        has_to_tell = own.now > 0 and (unsaved.is_urgent or self._teller.is_due(now))
        if not (is_due or has_to_tell or self._desk.needs_beat):
            return

        def write(connection: sqlite3.Connection) -> None:
            if is_due:
                unsaved.save(connection, self._fault)
            self._fault("notices")
            if has_to_tell:
                self._teller.queue(connection, unsaved.told, own.alerts, now)
            self._prune(connection, self._clock.now())

        try:
            await self._desk.write(write, evaluated_at=own.now or None, is_durable=unsaved.is_lasting)
        except LeaseLostError:
            own.forget()
        except StateError as error:
            self._note = _noted(error)
            if self._desk.is_spare:
                # It begins with what could be read of the disk; the next try brings it all that is known here.
                unsaved.put(own.alerts.values())
        else:
            if is_due:
                unsaved.clear()
                self._valued_at = now
            if has_to_tell:
                self._teller.hurry()

    def _prune(self, connection: sqlite3.Connection, now: float) -> None:
        if self._pruned_at is None or abs(now - self._pruned_at) >= _PRUNE_SECONDS:
            change_rows.prune(connection, now)
            variant_rows.prune(connection, now - _PRUNE_SECONDS)
            silence_rows.prune(connection, now)
            self._pruned_at = now


def _noted(error: StateError) -> str:
    return f"alerts are neither kept nor told: {error.message}" + (f" ({error.hint})" if error.hint else "")

"""One target under watch: its poller, its series, its view, and the events that its readings bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from aishell_core.clock import Clock
from aishell_core.engines.base import Cancellable, Introspectable
from aishell_core.engines.statement_text import dialect_of
from aishell_core.errors import TargetError
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Target
from aishell_core.values import (
    Ability,
    Event,
    EventKind,
    Facts,
    Failure,
    FailureCode,
    PlanNode,
    Reading,
    Sample,
    TargetId,
    Thresholds,
    Tier,
)
from aishell_tui.assess import assess, judged_metrics
from aishell_tui.changes import counted_events, statement_events, view_events
from aishell_tui.frame import TargetView, absorb
from aishell_tui.wait_history import WaitHistory
from collectors.contract import NOTHING, Analyzing, Collector, Consenting, Demand
from collectors.poller import Poller
from collectors.schedule import Schedule

_INTEGRITY_SECONDS = 300.0

OpenCollector = Callable[[Target, Clock], Collector]


class Listener(Protocol):
    """Who hears of every reading."""

    def heard(self, view: TargetView, reading: Reading, interval_seconds: float) -> None:
        """A target was read, or could not be; `view` is what is known of it now."""

    def gap(self, target: TargetId) -> None:
        """A target began anew."""


class Watch:
    """Keeps the newest view of one target; a restart or another role of the target becomes a gap in its series."""

    def __init__(
        self,
        target: Target,
        store: SeriesStore,
        clock: Clock,
        open_collector: OpenCollector,
        schedule: Schedule,
        thresholds: Mapping[str, Thresholds],
        emit: Callable[[Event], None],
        jitter: Callable[[], float],
        listener: Listener | None = None,
        beside: Callable[[TargetId], tuple[Sample, ...]] | None = None,
        lacking: Callable[[TargetId], tuple[Failure, ...]] = lambda _target: (),
    ) -> None:
        """`beside` gives figures about a target that it does not tell itself, `lacking` why some are not known.

        They are told with each of its warm readings.
        """
        self.shown: Demand = NOTHING
        self.needed: Demand = NOTHING
        self._listener = listener
        self._beside, self._lacking = beside, lacking
        self._store = store
        self._clock = clock
        self._open = open_collector
        self._emit = emit
        self._schedule = schedule
        self._judged = judged_metrics(target.engine, thresholds)
        self._collector: Collector | None = None
        self.waits = WaitHistory(dialect_of(target.engine))
        self._state_at = 0.0
        self.view = TargetView(target, store.snapshot(target.name), schedule.hot_seconds, thresholds=thresholds)
        self.poller = Poller(
            target, self._open_collector, self._publish, schedule=schedule, clock=clock, demand=lambda: self.demand, jitter=jitter
        )

    @property
    def demand(self) -> Demand:
        """The parts that are wanted now: those that are shown, and those that are needed although nobody looks at them."""
        return self.shown | self.needed

    def want(self, *, shown: Demand | None = None, needed: Demand | None = None) -> None:
        """Say what is shown or needed from now on; what was not wanted before is read at once."""
        before = self.demand
        self.shown = self.shown if shown is None else shown
        self.needed = self.needed if needed is None else needed
        if more := self.demand - before:
            self.poller.poke(more)

    def _open_collector(self) -> Collector:
        self._collector = self._open(self.view.target, self._clock)
        return self._collector

    @property
    def abilities(self) -> Ability:
        """What the target's collector can deliver; nothing before it was opened."""
        return Ability.NONE if self._collector is None else self._collector.abilities

    def _publish(self, reading: Reading, interval_seconds: float) -> None:
        before = self.view
        # Not with a reading that brought nothing: the figures that it should have brought would count as gone.
        if self._beside is not None and reading.tier is Tier.WARM and reading.samples:
            failures = (*reading.failures, *self._lacking(before.name))
            reading = replace(reading, samples=(*reading.samples, *self._beside(before.name)), failures=failures)
        for event in (*counted_events(before, reading), *statement_events(before, reading)):
            self._emit(event)
        if _began_anew(before.facts, reading.facts):
            self._store.gap(before.name)
            if self._listener is not None:
                self._listener.gap(before.name)
        self._store.add(reading, interval_seconds)
        if reading.waits is not None:
            # Here and not with the frames, so that none is lost while the screen is frozen or busy.
            self.waits.add(reading.at, reading.waits, interval_seconds)
        view = absorb(before, reading, self._store.snapshot(before.name), interval_seconds)
        self.view = self._assessed(replace(view, abilities=self.abilities))
        # Of every tier: what a slower one brings may change the state too, and the next hot reading would find it changed already.
        self._tell(view_events(before, self.view, reading.at))
        if self._listener is not None:
            self._listener.heard(self.view, reading, interval_seconds)

    def _tell(self, events: Iterable[Event]) -> None:
        """Emit events; a state begins no sooner than the one that it ends, although a late reading is of a moment before."""
        for event in events:
            if event.kind is not EventKind.STATE:
                self._emit(event)
                continue
            # Not in the future either, where the clock was set back meanwhile.
            self._state_at = max(min(self._state_at, self._clock.now()), event.at)
            self._emit(event if event.at == self._state_at else replace(event, at=self._state_at))

    def _assessed(self, view: TargetView) -> TargetView:
        status = self.poller.status
        view = replace(view, next_try_at=status.next_try_at if status.failure is not None else None)
        return replace(view, assessment=assess(view, self._clock.now(), self._judged))

    def current(self) -> TargetView:
        """The view as of now: judged anew once its newest reading has grown stale or while it fails."""
        view = self.view
        if view.target_failure is not None or view.is_stale(self._clock.now()):
            self.view = self._assessed(view)
            self._tell(view_events(view, self.view, self._clock.now()))
        return self.view

    def set_interval(self, hot_seconds: float) -> None:
        """Read the hot tier at another cadence from now on."""
        self._schedule = replace(self._schedule, hot_seconds=hot_seconds)
        self.poller.reschedule(self._schedule)

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        """The plan of a statement on this target; raises TargetError."""
        return await self._ready().explain(sql, database)

    async def explain_with_consent(self, sql: str, database: str) -> tuple[PlanNode, ...]:
        """The plan of a statement although asking for it may do something; raises TargetError."""
        collector = self._ready()
        if not isinstance(collector, Consenting):
            return await collector.explain(sql, database)
        return await collector.explain_with_consent(sql, database)

    async def check_measuring(self, sql: str, database: str) -> None:
        """Raise the TargetError with which a statement would not be run to measure its plan."""
        await self._analyzing().check_measuring(sql, database)

    async def explain_analyze(self, sql: str, database: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        """The measured plan of a statement that is run for it; raises TargetError."""
        return await self._analyzing().explain_analyze(sql, database, deadline_seconds)

    def _analyzing(self) -> Analyzing:
        collector = self._ready()
        if not isinstance(collector, Analyzing):
            raise TargetError(FailureCode.UNSUPPORTED, f"{self.view.target.engine} has no measured plans", "")
        return collector

    def cancellable(self) -> Cancellable:
        """What acts on its sessions, over the connection that reads them; raises TargetError where the engine has no such thing."""
        collector = self._ready()
        if not isinstance(collector, Cancellable):
            raise TargetError(FailureCode.UNSUPPORTED, f"{self.view.target.engine} has no sessions that could be ended", "")
        return collector

    async def check_integrity(self) -> tuple[Failure, ...]:
        """What is damaged; raises TargetError where the engine has no such check or it cannot be made."""
        collector = self._ready()
        if not isinstance(collector, Introspectable):
            raise TargetError(FailureCode.UNSUPPORTED, f"{self.view.target.engine} has no integrity check", "")
        return await collector.check_integrity(_INTEGRITY_SECONDS)

    def _ready(self) -> Collector:
        return self._collector or self._open_collector()


def _began_anew(before: Facts | None, after: Facts | None) -> bool:
    """Whether it was started again, or has another role, in which what it told in the one before is true no longer."""
    if before is None or after is None:
        return False
    restarted = before.started_at is not None and after.started_at is not None and before.started_at != after.started_at
    return restarted or (bool(before.role and after.role) and before.role != after.role)

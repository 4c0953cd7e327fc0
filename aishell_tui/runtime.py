"""The composition: pollers, series, history and events of all targets, without a screen."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path

from aishell_core.clock import Clock
from aishell_core.engines.base import Cancellable
from aishell_core.processes import own_memory_bytes
from aishell_core.series.rollup import RollupBatch
from aishell_core.series.store import SeriesStore
from aishell_core.state.history import History
from aishell_core.targets import Location, Target
from aishell_core.values import Event, EventKind, Failure, Part, PlanNode, Severity, TargetId, Thresholds
from aishell_tui.alert_feed import AlertFeed, OpenAlerts
from aishell_tui.backup_watch import BackupWatch
from aishell_tui.frame import Frame, OwnCost, TargetView
from aishell_tui.history import HistoryKeeper
from aishell_tui.timeline import Timeline
from aishell_tui.wait_history import WaitHistory
from aishell_tui.watch import OpenCollector, Watch
from collectors.contract import NOTHING, Demand
from collectors.schedule import Schedule

Beside = Callable[[Callable[[Event], None]], Coroutine[None, None, None]]
"""Work beside the pollers; it is handed what puts an event on the time line."""

HOST_NAME = TargetId("this host")
_EVENTS_SHOWN = 2000
_FLEET = 20
_GOODBYE_SECONDS = 2.0
_NEED_SECONDS = 0.5
_BACKUPS_SECONDS = 1.0
"""The first readings and the first frame do not wait for what is known of backups."""
_TOLD_WITH: Demand = frozenset({Part.SETTINGS})
"""The part that is read in the tier with which figures of backups are told."""


class Runtime:
    """Runs one watch per target and builds the frames.

    The host that aishell runs on is always watched, besides the configured targets; `state_folder` None keeps no history, and
    without `open_alerts` no rule is evaluated. `notice` is shown while nothing worse is to be said; `trouble` is asked for that
    at each frame. `beside` is work that goes on for as long as the runtime does, and is cancelled with it. `backups` knows the
    figures of backups.
    """

    def __init__(
        self,
        targets: tuple[Target, ...],
        *,
        clock: Clock,
        open_collector: OpenCollector,
        schedule: Schedule,
        thresholds: Mapping[str, Thresholds],
        state_folder: Path | None,
        notice: str = "",
        trouble: Callable[[], str] | None = None,
        jitter: Callable[[], float] = random.random,
        open_alerts: OpenAlerts | None = None,
        beside: Beside | None = None,
        backups: BackupWatch | None = None,
    ) -> None:
        self._clock = clock
        self._beside = beside
        self._backups = backups
        self._notice = notice
        self._trouble = trouble or (lambda: "")
        self._told_trouble = ""
        self._store = SeriesStore()
        self._timeline = Timeline(_EVENTS_SHOWN)
        self._history = HistoryKeeper(state_folder, clock, self._take_rollups) if state_folder is not None else None

        # A few targets are read at once; only a fleet has to be spread over the first second.
        share = min(1.0, len(targets) / _FLEET)

        def spread() -> float:
            return jitter() * share

        def watch(target: Target) -> Watch:
            own = replace(schedule, hot_seconds=target.interval_seconds) if target.interval_seconds else schedule
            return Watch(target, self._store, clock, open_collector, own, thresholds, self.emit, spread, self._alerts, known, lacking)

        known = backups.samples if backups is not None else None
        lacking = backups.failures if backups is not None else lambda _target: ()
        local = next((target for target in targets if target.engine == "host"), None)
        host = local or Target(HOST_NAME, Location("host", host="localhost"))
        self._alerts = AlertFeed(open_alerts, clock, (*targets, host), self) if open_alerts is not None else None
        self._watches = {target.name: watch(target) for target in targets}
        self._host = self._watches[local.name] if local is not None else watch(host)
        self._cpu = (clock.steady(), time.process_time())
        self._own = OwnCost()
        self._told_note = ""
        self.stopped = asyncio.Event()

    def _take_rollups(self, include_open: bool) -> tuple[RollupBatch, ...]:
        return self._store.take_rollups(include_open=include_open)

    def emit(self, event: Event) -> None:
        """Put an event among those that are known, and keep it."""
        self._timeline.add(event)
        if self._history is not None:
            self._history.remember(event)

    def _all_watches(self) -> tuple[Watch, ...]:
        watches = tuple(self._watches.values())
        return watches if self._host in watches else (*watches, self._host)

    async def run(self) -> None:
        """Poll everything until cancelled, then write what is left of the history."""
        try:
            async with asyncio.TaskGroup() as group:
                for watch in self._all_watches():
                    group.create_task(watch.poller.run())
                if self._history is not None:
                    group.create_task(self._recall(self._history))
                    group.create_task(self._history.run())
                if self._beside is not None:
                    group.create_task(self._run_beside(self._beside))
                if self._backups is not None:
                    group.create_task(self._run_backups(self._backups))
                if self._alerts is not None:
                    group.create_task(self._alerts.run())
                    group.create_task(self._need(self._alerts))
        finally:
            if self._history is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_GOODBYE_SECONDS):
                        await self._history.close()
            self.stopped.set()

    async def _run_beside(self, beside: Beside) -> None:
        try:
            await beside(self.emit)
        except Exception as error:  # noqa: BLE001 - a fault of what runs beside the screens must not end them: it is told
            text = f"what is made by schedule has ended by a fault: {type(error).__name__}: {error}"
            self.emit(Event(self._clock.now(), TargetId(""), EventKind.AISHELL, Severity.CRITICAL, text))

    async def _run_backups(self, backups: BackupWatch) -> None:
        try:
            await self._clock.sleep(_BACKUPS_SECONDS)
            await backups.run(self._reread)
        except Exception as error:  # noqa: BLE001 - a fault in what tells of backups must not end the screens: it is told
            text = f"figures of backups are not told any more, by a fault: {type(error).__name__}: {error}"
            self.emit(Event(self._clock.now(), TargetId(""), EventKind.AISHELL, Severity.WARNING, text))

    def _reread(self, targets: frozenset[TargetId]) -> None:
        """Have the readings taken that tell what has become known of backups."""
        for target in targets & self._watches.keys():
            self._watches[target].poller.poke(_TOLD_WITH)

    async def _need(self, alerts: AlertFeed) -> None:
        """Have the parts read that rules and their evidence need, whoever looks."""
        while True:
            for watch in self._all_watches():
                watch.want(needed=alerts.demand(watch.view))
            await self._clock.sleep(_NEED_SECONDS)

    async def _recall(self, history: HistoryKeeper) -> None:
        """Put the events of the last day to those that have happened since the start."""
        self._timeline.recall(await history.recent_events())

    def now(self) -> float:
        """Epoch seconds by the runtime's clock."""
        return self._clock.now()

    def frame(self) -> Frame:
        """Everything that is known now."""
        now = self._clock.now()
        self._tell_note(now)
        trouble = self._tell_trouble(now)
        history, alerts = self._history, self._alerts
        notes = (trouble or self._notice, history.note if history is not None else "", alerts.note if alerts is not None else "")
        return Frame(
            at=now,
            targets=tuple(watch.current() for watch in self._watches.values()),
            host=self._host.current(),
            events=self._timeline.newest_first(),
            own=self._own_cost(),
            notes=tuple(note for note in notes if note),
            alerts=alerts.view() if alerts is not None else None,
            bells=alerts.bells if alerts is not None else 0,
        )

    def _tell_note(self, now: float) -> None:
        """Put a trouble of the history among the events too, where there is room for all of it."""
        note = self._history.note if self._history is not None else ""
        if note != self._told_note:
            text, severity = (note, Severity.WARNING) if note else ("history is kept again", Severity.OK)
            self._told_note = note
            self.emit(Event(now, TargetId(""), EventKind.AISHELL, severity, text))

    def _tell_trouble(self, now: float) -> str:
        """What ails that which was started for this dashboard; put among the events when it begins."""
        trouble = self._trouble()
        if trouble and trouble != self._told_trouble:
            self.emit(Event(now, TargetId(""), EventKind.AISHELL, Severity.WARNING, trouble))
        self._told_trouble = trouble
        return trouble

    def _own_cost(self) -> OwnCost:
        """Measured over at least a second, so that a burst of frames does not read as load."""
        since, cpu = self._cpu
        steady = self._clock.steady()
        if steady - since >= 1.0:
            used = time.process_time()
            self._cpu = (steady, used)
            self._own = OwnCost((used - cpu) / (steady - since), own_memory_bytes())
        return self._own

    def want(self, target: TargetId | None, parts: Demand) -> None:
        """Say which parts the visible pane needs, of one target or (None) of all; the others' cost is not paid."""
        for watch in self._all_watches():
            watch.want(shown=parts if target is None or watch.view.name == target else NOTHING)

    def refresh(self) -> None:
        """Read everything now."""
        for watch in self._all_watches():
            watch.poller.poke()

    def set_interval(self, hot_seconds: float) -> None:
        """Change how often all targets are read."""
        for watch in self._all_watches():
            watch.set_interval(hot_seconds)

    async def explain(self, target: TargetId, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        """The plan of a statement; raises TargetError."""
        return await self._watch(target).explain(sql, database)

    async def explain_with_consent(self, target: TargetId, sql: str, database: str) -> tuple[PlanNode, ...]:
        """The plan of a statement although asking for it may do something; raises TargetError."""
        return await self._watch(target).explain_with_consent(sql, database)

    async def check_measuring(self, target: TargetId, sql: str, database: str) -> None:
        """Raise the TargetError with which a statement would not be run to measure its plan."""
        await self._watch(target).check_measuring(sql, database)

    async def explain_analyze(self, target: TargetId, sql: str, database: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        """The measured plan of a statement that is run for it; raises TargetError."""
        return await self._watch(target).explain_analyze(sql, database, deadline_seconds)

    def cancellable(self, target: TargetId) -> Cancellable:
        """What acts on the sessions of a target; raises TargetError where there is no such thing."""
        return self._watch(target).cancellable()

    def tell(self, target: TargetId, kind: EventKind, severity: Severity, text: str) -> None:
        """Put something that was done among the events."""
        self.emit(Event(self._clock.now(), target, kind, severity, text))

    async def check_integrity(self, target: TargetId) -> tuple[Failure, ...]:
        """What is damaged in a database, nothing when all is well; raises TargetError where it cannot be told."""
        return await self._watch(target).check_integrity()

    @property
    def alerts(self) -> AlertFeed | None:
        """Where alerts are acted on; None in a runtime without them."""
        return self._alerts

    def view_of(self, target: TargetId) -> TargetView | None:
        """What is known of a target now; None for one that is not watched."""
        watch = self._find(target)
        return watch.view if watch is not None else None

    def need(self, target: TargetId) -> None:
        """What alerts need of a target has changed: have it read now, whoever looks."""
        if self._alerts is not None and (watch := self._find(target)) is not None:
            watch.want(needed=self._alerts.demand(watch.view))

    def known_events(self) -> tuple[Event, ...]:
        """What has happened, the newest first."""
        return self._timeline.newest_first()

    def _find(self, target: TargetId) -> Watch | None:
        return next((watch for watch in self._all_watches() if watch.view.name == target), None)

    def _watch(self, target: TargetId) -> Watch:
        return next(watch for watch in self._all_watches() if watch.view.name == target)

    def waits(self, target: TargetId) -> WaitHistory:
        """What the sessions of one target waited for, as far back as it is kept in memory."""
        return self._watch(target).waits

    async def history(self, target: TargetId, since: float, until: float) -> History | None:
        """What the state database keeps of one target; None without one."""
        return None if self._history is None else await self._history.read(target, since, until)

"""Between the pollers and the service of alerts: readings and traits in, what is wanted and what has happened out.

The service is loaded and opened some seconds after every target was read for the first time, in a thread, so that neither
the first readings nor the first frame pay for it, nor for the values that it works with. What was read until then reaches it
too. A fault of the service ends nothing but itself: it is said, and the service is opened anew after a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from aishell_core.alarm import Alarm
from aishell_core.clock import Clock
from aishell_core.errors import StateError
from aishell_core.targets import Target
from aishell_core.values import Ability, Event, EventKind, Part, Reading, Severity, TargetId, Tier
from aishell_tui.alert_news import alert_events, newly_firing
from aishell_tui.frame import TargetView
from collectors.contract import NOTHING, Demand

if TYPE_CHECKING:
    # None of it is loaded before the service is opened.
    from aishell_tui.alert_traits import KnownTraits
    from aishell_tui.alerting import Witness
    from aishell_tui.rule_parts import EngineParts
    from alerts.models import Alert, Evidence, Fingerprint, Traits
    from alerts.ports import AlertsView
    from alerts.rules.book import RuleBook
    from alerts.service import AlertService


OpenAlerts = Callable[["Mapping[TargetId, Traits]", "Callable[[Alert], Evidence | None]"], "tuple[AlertService, Witness]"]
"""Opens the service, given what every target is (which changes as more is known) and who says what was seen; in a thread."""

START_SECONDS = 1.5
MOST_START_SECONDS = 10.0
"""A target that has not answered by then is not waited for."""
AGAIN_SECONDS = 30.0
_EARLY_SECONDS = 0.5
_LOOK_SECONDS = 1.0
_COMPLETING_SECONDS = 0.25
"""How often is looked at what there is while evidence is being read, besides at each reading."""
_WITNESS_SECONDS = 10.0
_LINKS_SECONDS = 300.0
_LINK_SECONDS = 15.0
"""How often a replica is asked whom it follows, and how often one that could not say."""
_FRESH_SECONDS = 10.0
"""How old sessions, locks and statements may be while an alert is about to fire."""
_MOST_OPEN = 100
_LATER = frozenset({Part.SETTINGS})


@dataclass(frozen=True, slots=True)
class _Gap:
    """Evidence that lacks the parts that were not being read when its alert fired."""

    alert: Alert
    at: float
    until: float
    is_told: bool = False
    """Whether all that is read quickly is in it already."""


class Known(Protocol):
    """What there is to know of the targets, and where events go."""

    def view_of(self, target: TargetId) -> TargetView | None:
        """What is known of a target now."""

    def known_events(self) -> tuple[Event, ...]:
        """What has happened, the newest first."""

    def emit(self, event: Event) -> None:
        """Put an event before those."""

    def need(self, target: TargetId) -> None:
        """What is demanded of a target has changed: have it read now."""


class AlertFeed:
    """Feeds the service of alerts and tells what comes of it.

    `open_alerts` loads and opens the service, in a thread.
    """

    def __init__(
        self,
        open_alerts: OpenAlerts,
        clock: Clock,
        targets: Iterable[Target],
        known: Known,
    ) -> None:
        self._open = open_alerts
        self._clock = clock
        self._targets = {target.name: target for target in targets}
        self._known = known
        self._traits: KnownTraits | None = None
        self._early: dict[tuple[TargetId, Tier], tuple[Reading, float]] = {}
        self._service: AlertService | None = None
        self._witness: Witness | None = None
        self._told: AlertsView | None = None
        self._book: RuleBook | None = None
        self._parts: EngineParts = ()
        self._maps_replicas = False
        self._open_gaps: dict[Fingerprint, _Gap] = {}
        self._asked: dict[TargetId, Demand] = {}
        self._opened_at = 0.0
        self._alarm = Alarm(clock)
        self.bells = 0
        """How often the bell was to ring since the start."""
        self.note = ""
        """Why there are no alerts, "" while there are."""

    @property
    def service(self) -> AlertService | None:
        """The service, once it is there."""
        return self._service

    def view(self) -> AlertsView | None:
        """All alerts as they stand; None before anything is known."""
        return self._service.view() if self._service is not None else self._told

    def heard(self, view: TargetView, reading: Reading, interval_seconds: float) -> None:
        """A target was read, or could not be."""
        if self._traits is not None and (reading.facts is not None or reading.replication is not None):
            self._traits.know(view)
        if self._service is not None:
            self._service.observe(reading, interval_seconds)
            if self._open_gaps:
                self._alarm.set(self._clock.steady())
        else:
            self._early[reading.target, reading.tier] = (reading, interval_seconds)

    def gap(self, target: TargetId) -> None:
        """A target began anew: nothing is counted across."""
        if self._service is not None:
            self._service.gap(target)

    async def run(self) -> None:
        """Evaluate and tell until cancelled."""
        await self._first_readings()
        await self._clock.sleep(START_SECONDS)
        while True:
            try:
                await self._serve()
            except Exception as error:  # noqa: BLE001 - the border to the alerts: a fault there is said, and ends no dashboard
                self._told = self.view()
                self._service = None
                self._say(f"alerts are not evaluated: {_cause(error)}; the next try is in {AGAIN_SECONDS:g} s")
            await self._clock.sleep(AGAIN_SECONDS)

    async def _first_readings(self) -> None:
        """Wait until every target was read or could not be, but not for long."""
        until = self._clock.steady() + MOST_START_SECONDS
        while self._clock.steady() < until and self._targets.keys() - {target for target, _ in self._early}:
            await self._clock.sleep(_EARLY_SECONDS)

    async def _serve(self) -> None:
        traits = self._traits = await asyncio.to_thread(_traits, tuple(self._targets.values()))
        for name in self._targets:
            if (view := self._known.view_of(name)) is not None:
                traits.know(view)
        service, self._witness = await asyncio.to_thread(self._open, traits.found, self._saw)
        for reading, interval_seconds in self._early.values():
            service.observe(reading, interval_seconds)
        self._early.clear()
        self._service, self.note, self._opened_at = service, "", self._clock.now()
        async with asyncio.TaskGroup() as group:
            group.create_task(service.run())
            group.create_task(self._look(service))

    def _say(self, note: str) -> None:
        self.note = note
        self._known.emit(Event(self._clock.now(), TargetId(""), EventKind.AISHELL, Severity.WARNING, note))

    # What comes of it

    async def _look(self, service: AlertService) -> None:
        while True:
            self._alarm.at = self._clock.steady() + (_COMPLETING_SECONDS if self._open_gaps else _LOOK_SECONDS)
            view = service.view()
            before = self._told.alerts if self._told is not None else ()
            for event in alert_events(before, view.alerts, self._clock.now(), self._opened_at):
                self._known.emit(event)
            if view.book.settings.has_bell:
                self.bells += len(newly_firing(before, view.alerts, self._opened_at))
            self._told = view
            # Under a clock that was set back, what fires then is news too.
            self._opened_at = min(self._opened_at, self._clock.now())
            self._read_book(view.book)
            self._asked = self._asked_for(view)
            await self._complete(service)
            await self._alarm.wait()

    def _read_book(self, book: RuleBook) -> None:
        if book is not self._book and self._witness is not None:
            self._book = book
            self._parts = self._witness.parts_of(book)
            self._maps_replicas = self._witness.maps_replicas(book)

    # Which parts are wanted although nobody looks at them

    def demand(self, view: TargetView) -> Demand:
        """The parts of a target that rules need, and for a moment those that evidence needs."""
        if self._witness is None or self._service is None:
            return NOTHING
        wanted = self._witness.needed(self._parts, view.target) | self._asked.get(view.name, NOTHING)
        return wanted | {Part.REPLICATION} if self._lacks_upstream(view) else wanted

    def _lacks_upstream(self, view: TargetView) -> bool:
        """Whether it is not known, or was not looked up for a while, whom a target replicates from."""
        if not self._maps_replicas or self._traits is None or not self._traits.may_replicate or Ability.REPLICATION not in view.abilities:
            return False
        if view.facts is None or view.facts.role in {"", "primary"}:
            return False
        read_at = view.part_at.get(Part.REPLICATION)
        again = _LINK_SECONDS if self._traits.lacks_upstream(view.name) else _LINKS_SECONDS
        return read_at is None or abs(self._clock.now() - read_at) > again

    def _asked_for(self, view: AlertsView) -> dict[TargetId, Demand]:
        if not view.is_evaluator or self._witness is None:
            return {}
        found: dict[TargetId, Demand] = {}
        now = self._clock.now()
        # What is about to fire is looked at before, so that the first message has its causes.
        since = dict.fromkeys(self._witness.about_to_fire(view, now)[:_MOST_OPEN], now - _FRESH_SECONDS)
        since |= {gap.alert.key.target: gap.at for gap in self._open_gaps.values()}
        for target, moment in since.items():
            looked_at = self._known.view_of(target)
            if looked_at is not None:
                found[target] = self._witness.unread(looked_at, moment, now)
        return found

    # Evidence

    def _saw(self, alert: Alert) -> Evidence | None:
        """What is known when an alert fires; the rest is read at once and put to it."""
        view = self._known.view_of(alert.key.target)
        if view is None or self._witness is None:
            return None
        at = alert.evidence_at if alert.evidence_at is not None else self._clock.now()
        if len(self._open_gaps) < _MOST_OPEN:
            self._open_gaps[alert.fingerprint] = _Gap(alert, at, self._clock.steady() + _WITNESS_SECONDS)
        found = self._witness.first_look(view, alert, self._book, self._known.known_events(), at)
        lacking = self._witness.unread(view, at, self._clock.now())
        if lacking and alert.fingerprint in self._open_gaps:
            # Asked for now and not at the next look: the message about it waits for no longer than one evaluation.
            self._asked = {**self._asked, view.name: self._asked.get(view.name, NOTHING) | lacking}
            self._known.need(view.name)
            found = replace(found, is_whole=False)
        return found

    async def _complete(self, service: AlertService) -> None:
        """Put statements, sessions and locks to the evidence as soon as they were read, or when there is no more hope for them."""
        witness = self._witness
        if witness is None:
            return
        seen = [(gap, view) for gap in list(self._open_gaps.values()) if (view := self._closed(gap, witness)) is not None]
        if not seen:
            return
        book, events = self._book, self._known.known_events()

        def look() -> list[Evidence]:
            return [witness.whole_look(view, gap.alert, book, events, gap.at) for gap, view in seen]

        # All of it in one thread and one transaction: what a reading completes is told together.
        found = await asyncio.to_thread(look)
        with suppress(StateError):  # what was seen at first is kept with the alert; the service says what ails the state
            await service.keep_evidence(found)

    def _closed(self, gap: _Gap, witness: Witness) -> TargetView | None:
        """What there is to be seen where a gap is to be closed now, wholly or for the message; None while more is to come."""
        view, name = self._known.view_of(gap.alert.key.target), gap.alert.fingerprint
        if view is None:
            del self._open_gaps[name]
            return None
        lacking = witness.unread(view, gap.at, self._clock.now())
        if not lacking or self._clock.steady() >= gap.until:
            del self._open_gaps[name]
            return view
        if gap.is_told or not lacking <= _LATER:
            return None
        # The message waits for what happens now; what was changed before comes in its time.
        self._open_gaps[name] = replace(gap, is_told=True)
        return view


def _traits(targets: tuple[Target, ...]) -> KnownTraits:
    from aishell_tui.alert_traits import KnownTraits  # in a thread: it loads what alerts are made of

    return KnownTraits(targets)


def _cause(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"

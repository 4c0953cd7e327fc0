"""The composition of alerts: rules from the configuration, the service, the notifier, and who says what was seen.

Loaded when the dashboard is on the screen already; `alert_opener` is what a runtime is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from aishell_core.clock import Clock
from aishell_core.safety.languages import language_of
from aishell_core.targets import Target
from aishell_core.values import Ability, Event, TargetId
from aishell_tui import rule_parts
from aishell_tui.alert_sight import WANTED, sight_of
from aishell_tui.foresight import about_to_fire
from aishell_tui.frame import TargetView
from aishell_tui.rule_parts import EngineParts
from alerts.evidence import evidence_of
from alerts.models import Alert, Evidence, Traits
from alerts.notify.models import Routes
from alerts.notify.notifier import Notifier
from alerts.notify.senders import all_senders
from alerts.ports import AlertsView, RuleSource, Transact
from alerts.rule import Reach, Rule
from alerts.rules.book import RuleBook
from alerts.service import AlertService
from collectors.contract import Demand

_AHEAD_SECONDS = 1.0


class Witness:
    """Says what is to be seen of a target, and what has to be read for that."""

    def parts_of(self, book: RuleBook) -> EngineParts:
        """The parts that the rules of a book need."""
        return rule_parts.parts_of(book.rules)

    def needed(self, parts: EngineParts, target: Target) -> Demand:
        """Those that they need of one target."""
        return rule_parts.needed(parts, target)

    def maps_replicas(self, book: RuleBook) -> bool:
        """Whether some rule mutes those of replicas, so that it matters who replicates from whom."""
        return any(inhibition.of is Reach.REPLICAS for rule in book.rules for inhibition in rule.inhibits)

    def about_to_fire(self, view: AlertsView, now: float) -> tuple[TargetId, ...]:
        """The targets that are to be looked at, because an alert of theirs fires in some seconds."""
        return about_to_fire(view, now)

    def unread(self, view: TargetView, since: float, now: float) -> Demand:
        """The parts of evidence that the target can tell and that were not read since a moment, with some patience; epoch seconds.

        What was read later than now was so by another clock.
        """
        return frozenset(
            part
            for part, patience_seconds in WANTED.items()
            if Ability[part.name] in view.abilities and not since - patience_seconds <= view.part_at.get(part, 0.0) <= now + _AHEAD_SECONDS
        )

    def first_look(self, view: TargetView, alert: Alert, book: RuleBook | None, events: tuple[Event, ...], at: float) -> Evidence:
        """What is known at once, without any statement's text: to take out its literals takes longer than a key may wait."""
        return evidence_of(alert, sight_of(view, alert, _rule_of(alert, book), events, at), lambda _text: "")

    def whole_look(self, view: TargetView, alert: Alert, book: RuleBook | None, events: tuple[Event, ...], at: float) -> Evidence:
        """All of it; may be called in any thread."""
        engine = view.target.engine
        return evidence_of(alert, sight_of(view, alert, _rule_of(alert, book), events, at), lambda text: without_literals(engine, text))


def open_alerts(
    state: Path, rules: RuleSource, clock: Clock, traits: Mapping[TargetId, Traits], saw: Callable[[Alert], Evidence | None]
) -> tuple[AlertService, Witness]:
    """The service over a state folder with all that it needs, and the witness; blocking for as long as loading takes."""

    def teller(transact: Transact, may_tell: Callable[[], bool]) -> Notifier:
        return Notifier(Routes(), transact, senders=all_senders(), clock=clock, may_send=may_tell)

    service = AlertService(state, rules=rules, clock=clock, traits=lambda: traits, make_teller=teller, evidence=saw)
    return service, Witness()


@lru_cache(maxsize=1024)
def without_literals(engine: str, text: str) -> str:
    """A statement of an engine with a question mark for each literal; "" where they cannot be told apart with certainty."""
    language = language_of(engine)
    try:
        return (language.redacted(text, lambda _literal: "?") or "") if language is not None else ""
    except RecursionError:
        return ""


def _rule_of(alert: Alert, book: RuleBook | None) -> Rule | None:
    return next((rule for rule in book.rules if rule.name == alert.rule), None) if book is not None else None

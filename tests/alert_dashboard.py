"""Alerts for a dashboard over scripts: real service, real state database, rules that a test changes, and an inbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from aishell_core.clock import Clock
from aishell_core.values import TargetId
from aishell_tui.alert_feed import OpenAlerts
from aishell_tui.alerting import Witness
from alerts.language.parser import parse_condition
from alerts.models import Alert, Evidence, Level, Step, Traits
from alerts.notify.models import ChannelKind, Routes
from alerts.notify.notifier import Notifier
from alerts.ports import Transact
from alerts.rule import Rule, Trigger
from alerts.rules.book import RuleBook
from alerts.service import AlertService
from tests.alert_service import Books, Inbox, book_of

SUMMARY = "{{ value }} sessions of {{ target }} wait"


def waiting_rule(name: str = "waiters", limit: int = 5, level: Level = Level.CRITICAL, **fields: object) -> Rule:
    """Fires while more sessions wait for a lock than the limit."""
    trigger = Trigger(level, parse_condition(f"locks.waiting > {limit}"))
    texts = {
        "annotations": (("summary", SUMMARY),),
        "runbook": "https://runbooks.example/locks",
        "reason": "Work stands still behind a lock.",
        "steps": (Step("Who blocks?", "aishell sessions -d {{ target }}"),),
    }
    return Rule(name, (trigger,), **(texts | fields))  # type: ignore[arg-type]


class Room:
    """Where the alerts of one dashboard live."""

    def __init__(self, folder: Path, clock: Clock, *rules: Rule, book: RuleBook | None = None) -> None:
        self.books = Books(book or book_of(*rules))
        self.inbox = Inbox()
        self._folder, self._clock = folder, clock

    @property
    def open(self) -> OpenAlerts:
        """What the runtime is given."""
        return self._open

    def _open(self, traits: Mapping[TargetId, Traits], saw: Callable[[Alert], Evidence | None]) -> tuple[AlertService, Witness]:
        service = AlertService(
            self._folder, rules=self.books, clock=self._clock, traits=lambda: traits, make_teller=self._teller, evidence=saw
        )
        return service, Witness()

    def _teller(self, transact: Transact, may_tell: Callable[[], bool]) -> Notifier:
        senders = dict.fromkeys(ChannelKind, self.inbox)
        return Notifier(Routes(), transact, senders=senders, clock=self._clock, may_send=may_tell)

"""A service of alerts over real files with the clock in hand: readings in, what was told out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from aishell_core.catalogue import CATALOGUE
from aishell_core.errors import StateError
from aishell_core.targets import Secret
from aishell_core.values import NO_LABELS, Labels, Reading, Sample, TargetId, Tier
from alerts.language.parser import parse_condition
from alerts.models import Level, Traits
from alerts.notify import outbox
from alerts.notify.models import Answer, Channel, ChannelKind, Fault, Message, Sender
from alerts.notify.notifier import Notifier
from alerts.ports import AlertsView, Transact
from alerts.rule import Rule, Trigger
from alerts.rules.book import BrokenRule, RuleBook, Settings
from alerts.service import AlertService
from tests.fake_clock import FakeClock

USAGE = CATALOGUE["pool.usage"]
HOOK = Channel("hook", Secret("webhook+http://127.0.0.1:9/"), ChannelKind.WEBHOOK, group_interval_seconds=0.0)


def usage_rule(name: str = "pool_full", condition: str = "pool.usage > 90%", level: Level = Level.WARNING, **fields: Any) -> Rule:
    return Rule(name, (Trigger(level, parse_condition(condition)),), **fields)


def book_of(*rules: Rule, broken: tuple[BrokenRule, ...] = (), **settings: Any) -> RuleBook:
    """A book whose alerts all go to one channel."""
    return RuleBook(rules, broken, settings=Settings(default_channels=("hook",), channels={"hook": HOOK}, **settings))


class Books:
    """A source of rules that a test changes."""

    def __init__(self, book: RuleBook) -> None:
        self._new: RuleBook | None = book

    def put(self, book: RuleBook) -> None:
        self._new = book

    def refresh(self) -> RuleBook | None:
        book, self._new = self._new, None
        return book


class Inbox:
    """A sender that keeps what arrives."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send(self, channel: Channel, message: Message, now: float) -> Answer:
        self.messages.append(message)
        return Answer(Fault.NONE, "200 OK")


class Station:
    """A service whose seconds a test counts: `watch` passes one, brings readings, evaluates and sends."""

    def __init__(
        self,
        folder: Path,
        *rules: Rule,
        clock: FakeClock,
        targets: tuple[str, ...] = ("orders",),
        post: Sender | None = None,
        is_loaded: bool = True,
        **fields: Any,
    ) -> None:
        """Unless it `is_loaded`, the rules come while the first second is under way."""
        self.clock = clock
        self.inbox = Inbox()
        self._post = post or self.inbox
        self._has_sent = False
        self.books = Books(book_of(*rules))
        self.traits = traits_of(*targets)
        self.service = AlertService(
            folder, rules=self.books, clock=clock, traits=self._seen, make_teller=self._teller, **({"boot": "b"} | fields)
        )
        self._is_loaded = is_loaded
        if is_loaded:
            self.reload()

    def _seen(self) -> Mapping[TargetId, Traits]:
        if not self._is_loaded:
            self._is_loaded = True
            self.reload()
        return self.traits

    def _teller(self, transact: Transact, may_tell: Callable[[], bool]) -> Notifier:
        self._transact = transact
        self._notifier = Notifier(
            book_of().routes,
            transact,
            senders=dict.fromkeys(ChannelKind, self._post),
            clock=self.clock,
            may_send=may_tell,
            chance=lambda: 0.5,
        )
        return self._notifier

    def reload(self) -> None:
        book = self.books.refresh()
        assert book is not None
        self.service.use(book)

    async def watch(self, seconds: int = 1, **values: float) -> AlertsView:
        """So many seconds with these values each second; a target without one is not read."""
        for _ in range(seconds):
            await self.clock.advance(1.0)
            for target, value in values.items():
                self.service.observe(usage(value, self.clock.now(), target), 1.0)
            await self.service.tick()
            if self.service.view().is_evaluator:
                with suppress(StateError):  # as the service itself goes on where the state cannot be written
                    await self._send()
        return self.service.view()

    async def _send(self) -> None:
        if not self._has_sent:
            # As the notifier's own `run` begins: what a dead one had in hand is free again.
            await self._transact(lambda connection: outbox.release_claims(connection, self.clock.now(), self._notifier.judge))
            self._has_sent = True
        await self._notifier.dispatch()

    @property
    def told(self) -> list[str]:
        """What arrived, as kind and level."""
        return [f"{message.kind} {message.level}" for message in self.inbox.messages]


def traits_of(*names: str, **fields: Any) -> dict[TargetId, Traits]:
    return {TargetId(name): Traits(TargetId(name), engine="pgbouncer", **fields) for name in names}


def usage(value: float, at: float, target: str = "orders", labels: Labels = NO_LABELS) -> Reading:
    return reading({labels: value}.items(), at, target)


def reading(values: Iterable[tuple[Labels, float]], at: float, target: str = "orders") -> Reading:
    return Reading(TargetId(target), Tier.HOT, at, tuple(Sample(USAGE, value, labels) for labels, value in values))

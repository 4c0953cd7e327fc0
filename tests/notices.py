"""Alerts, rules and channels for tests of notification, and a post office: a notifier on a database of its own with an hour hand."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from aishell_core.state.upgrade import shipped_steps
from aishell_core.targets import Secret
from aishell_core.values import Labels, TargetId
from alerts.models import Alert, AlertChange, ChangeKind, Evidence, Fingerprint, InstanceKey, Level, Phase
from alerts.notify.models import Answer, Channel, ChannelKind, Fault, Message, MessageKind, Routes, Sender
from alerts.notify.notifier import Notifier
from alerts.notify.urls import kind_of
from alerts.rule import Rule, Trigger
from tests.alert_values import CONDITION

T = TypeVar("T")

NOON = 1_800_000_000.0
TAKEN = Answer(Fault.NONE, "200 OK")


def an_alert(name: str = "PoolFull", target: str = "orders", **parts: Any) -> Alert:
    """A firing alert; `own` are the labels of its figure."""
    own: Labels = parts.pop("own", ())
    level: Level = parts.get("level", Level.WARNING)
    labels = {"alertname": name, "target": target, "engine": "postgres", "severity": str(level)} | dict(own)
    fingerprint = f"{name}/{target}" + "".join(f"/{value}" for _name, value in own)
    given: dict[str, Any] = {
        "phase": Phase.FIRING, "level": level, "value": 0.95, "threshold": 0.9, "unit": "ratio", "since": NOON, "fired_at": NOON,
    }  # fmt: skip
    return Alert(fingerprint, name, InstanceKey(TargetId(target), own), tuple(sorted(labels.items())), **(given | parts))


def a_rule(name: str = "PoolFull", **parts: Any) -> Rule:
    return Rule(name, (Trigger(Level.WARNING, CONDITION),), **parts)


def a_channel(name: str = "slack", url: str = "slack://tokenA/tokenB/tokenC", **parts: Any) -> Channel:
    return Channel(name, Secret(url), kind_of(url), **parts)


def some_routes(*channels: Channel, rules: Iterable[Rule] = (), **parts: Any) -> Routes:
    """Routes whose default channels are all channels, unless others are given."""
    named = {channel.name: channel for channel in channels}
    given = {"default_channels": tuple(named)} | parts
    return Routes(named, rules={rule.name: rule for rule in rules}, **given)


def a_message(channel: str = "c") -> Message:
    """A message as it would leave."""
    body = (MessageKind.FIRING, "{}", (), "incident", Level.WARNING, "title", "body", NOON)
    return Message("m1", channel, *body)


class Recipient:
    """A sender that keeps what it is given and answers as it is told; `answers` by channel, taken for every try."""

    def __init__(self) -> None:
        self.tries: list[tuple[float, Message]] = []
        self.answers: dict[str, Callable[[Message], Answer]] = {}

    def send(self, channel: Channel, message: Message, now: float) -> Answer:
        judge = self.answers.get(channel.name)
        answer = TAKEN if judge is None else judge(message)
        self.tries.append((now, message))
        return answer

    def received(self, channel: str | None = None) -> list[Message]:
        """What was tried, in order, whatever the answer."""
        return [message for _now, message in self.tries if channel in {None, message.channel}]


def state_connection() -> sqlite3.Connection:
    """A state database in memory, used from whichever thread."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for script in shipped_steps():
        connection.executescript(script)
    return connection


@dataclass(frozen=True, slots=True)
class HourHand:
    """The office's time as a clock."""

    office: PostOffice

    def now(self) -> float:
        return self.office.now

    def steady(self) -> float:
        return self.office.now - self.office.set_by

    async def sleep(self, seconds: float) -> None:
        """As long as it takes the test to go on."""
        await asyncio.sleep(0.001)


@dataclass
class PostOffice:
    """A notifier, what lives, and the time; `tick` is one evaluation of the service, `send` one round of sending."""

    routes: Routes
    recipient: Recipient = field(default_factory=Recipient)
    now: float = NOON
    set_by: float = 0.0
    """By how much the wall clock was set."""
    connection: sqlite3.Connection = field(default_factory=state_connection)
    alerts: dict[Fingerprint, Alert] = field(default_factory=dict)
    evidence: dict[Fingerprint, Evidence] = field(default_factory=dict)
    senders: dict[ChannelKind, Sender] | None = None
    may_send: Callable[[], bool] = lambda: True
    fault: Callable[[str], None] = lambda _step: None
    """Called before, within and after every transaction; it may raise."""
    begun: int = 0
    """So many transactions have begun."""
    ids: Callable[[], str] = field(default_factory=lambda: map("m{:04}".format, itertools.count(1)).__next__)

    def __post_init__(self) -> None:
        self.notifier = self.restarted()

    def restarted(self) -> Notifier:
        """Another notifier over the same rows, as after a crash."""
        self.notifier = Notifier(
            self.routes,
            self.transact,
            senders=self.senders or dict.fromkeys(ChannelKind, self.recipient),
            clock=HourHand(self),
            evidence=lambda _connection, alert: self.evidence.get(alert.fingerprint),
            chance=lambda: 1.0,
            new_id=self.ids,
            may_send=self.may_send,
        )
        return self.notifier

    async def transact(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        return self.write(work)

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.begun += 1
        self.fault("begin")
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            done = work(self.connection)
            self.fault("commit")
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        self.fault("committed")
        return done

    def tick(self, *changes: AlertChange, seconds: float = 0.0) -> None:
        """After `seconds`, an evaluation with these changes; without any it happens only if the notifier says that something is due."""
        self.now += seconds
        self.alerts |= {change.after.fingerprint: change.after for change in changes}
        if changes or self.notifier.is_due(self.now):
            self.write(lambda connection: self.notifier.queue(connection, changes, self.alerts, self.now))

    def send(self) -> list[Message]:
        """One round of sending; what was tried in it."""
        before = len(self.recipient.tries)
        asyncio.run(self.notifier.dispatch())
        return self.recipient.received()[before:]

    def pass_time(self, seconds: float, step: float = 1.0) -> list[Message]:
        """Evaluations and rounds of sending for so long; what was tried."""
        return asyncio.run(self._passing(seconds, step))

    async def _passing(self, seconds: float, step: float) -> list[Message]:
        before = len(self.recipient.tries)
        until = self.now + seconds
        while self.now < until:
            self.tick(seconds=min(step, until - self.now))
            await self.notifier.dispatch()
        return self.recipient.received()[before:]

    def happen(self, *changes: AlertChange) -> list[Message]:
        """Changes in one evaluation, and what is tried in the round of sending after it."""
        self.tick(*changes)
        return self.send()

    def tries_at(self, place: int) -> float:
        """When a try was made."""
        return self.recipient.tries[place][0]

    def fired(self, alert: Alert) -> AlertChange:
        """It fires now."""
        after = replace(alert, phase=Phase.FIRING, since=self.now, fired_at=self.now, resolved_at=None)
        return AlertChange(self.now, ChangeKind.FIRED, None, after)

    def resolved(self, alert: Alert) -> AlertChange:
        """It is over now."""
        before = self.alerts.get(alert.fingerprint, alert)
        return AlertChange(self.now, ChangeKind.RESOLVED, before, replace(before, phase=Phase.RESOLVED, resolved_at=self.now))

    def changed(self, kind: ChangeKind, alert: Alert, **parts: Any) -> AlertChange:
        """Something else happens to it."""
        before = self.alerts.get(alert.fingerprint, alert)
        return AlertChange(self.now, kind, before, replace(before, **parts))


def titles(messages: Sequence[Message]) -> list[str]:
    return [message.title for message in messages]

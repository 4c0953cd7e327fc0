"""What the service of alerts calls to have people told.

    notifier = Notifier(routes, transact, senders=all_senders(), clock=clock, may_send=lease_is_held)
    if changes or notifier.is_due(now):                       # each tick
        store.write(..., also=lambda connection: notifier.queue(connection, changes, alerts, now))
        notifier.hurry()                                      # once that is committed
    asyncio.create_task(notifier.run())                       # while this process holds the lease
    notifier.configure(routes)                                # when the configuration has changed

`queue` decides what is told and writes it down in the caller's transaction; `run` sends what is written down.
"""

from __future__ import annotations

import random
import sqlite3
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from aishell_core.alarm import Alarm
from aishell_core.clock import Clock
from aishell_core.errors import StateError
from alerts.models import Alert, AlertChange, Evidence, Fingerprint
from alerts.notify import escalation, group_rows, outbox, past_rows
from alerts.notify.codec import Tells
from alerts.notify.compose import Part, Surroundings, drafts_of, heartbeat_of
from alerts.notify.custody import Custody, custody_of, is_all_judged, last_evaluated
from alerts.notify.delivery import Delivery, Transact
from alerts.notify.following import follow_rules
from alerts.notify.grouping import Decision, Group, decide, repeat_seconds
from alerts.notify.models import Channel, ChannelKind, Message, Routes, Sender
from alerts.notify.removed import follow_configuration
from alerts.notify.withdrawal import withdraw
from alerts.rule import Rule
from alerts.store import change_rows
from alerts.timeline import JUMP_SECONDS, moments_of

_LOOK_EVERY_SECONDS = 0.5
_POLL_SECONDS = 5.0
"""How often the queue is looked at for tries that are due, when nothing new was put into it."""
_FRESH_SECONDS = 3.0
"""For so long after something was put into the queue it is looked at each time: its transaction may be a trying one, or another's."""
_LONGEST_REST_SECONDS = 5.0
"""The groups are looked at this often even if nothing seems due: a transaction may have failed after `queue` had returned."""
_PRUNE_SECONDS = 3600.0
_FOLLOW_SECONDS = 10.0
"""How often channels that are configured no more are looked for."""
_SEEN_WITHIN_SECONDS = 1.0
"""So long a first message waits for its causes at most, whenever the next evaluation is."""
_AT_NEXT_LOOK_SECONDS = 0.001
_UNCONFIGURED_SECONDS = 60.0
_MOST_EVIDENCE = 64
"""So many alerts of a tick have their evidence read: a message names the causes of one."""

EvidenceSource = Callable[[sqlite3.Connection, Alert], Evidence | None]


def new_id() -> str:
    """A message's id, which no other one has."""
    return uuid.uuid4().hex


class Notifier:
    """Decides whom to tell of what, and tells them; all that it must remember is in the state database."""

    def __init__(
        self,
        routes: Routes,
        transact: Transact,
        *,
        senders: Mapping[ChannelKind, Sender],
        clock: Clock,
        evidence: EvidenceSource = change_rows.evidence_of,
        chance: Callable[[], float] = random.random,
        new_id: Callable[[], str] = new_id,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        """`chance` gives a number from 0 to 1; `may_send` is asked right before each try, in the thread that makes it."""
        self._routes = routes
        self._transact = transact
        self._clock = clock
        self._evidence = evidence
        self._new_id = new_id
        self._may_send = may_send
        self._delivery = Delivery(transact, senders, now=clock.now, chance=chance, may_send=may_send)
        self.trouble = ""
        self.judge = 0
        """What this program is known by among those who evaluate on the same state, 0 where it is alone."""
        self._alarm = Alarm(clock)
        self._rest_until = 0.0
        self.waits_until: float | None = None
        """When the first message that waits for its causes goes out without them, in the alerts' own time; None where none waits."""
        self._looked_at: tuple[float, float] | None = None
        self._looked_as = 0
        self._fresh_until = 0.0
        self._polled_at = 0.0
        self._pruned_at: float | None = None
        self._followed_at: float | None = None
        self._ruled_at: float | None = None

    @property
    def routes(self) -> Routes:
        """The configuration in use."""
        return self._routes

    def configure(self, routes: Routes) -> None:
        """Use another configuration from now on; what is queued for a channel of the same name goes where it points now."""
        self._routes = routes
        self._rest_until = 0.0
        self._followed_at = self._ruled_at = None

    def is_due(self, now: float) -> bool:
        """Whether `queue` has something to do although nothing has changed; costs nothing."""
        return now >= self._rest_until or self._looked_at is None or now < self._looked_at[0] - JUMP_SECONDS

    def queue(
        self, connection: sqlite3.Connection, changes: Sequence[AlertChange], alerts: Mapping[Fingerprint, Alert], now: float
    ) -> None:
        """Write down what is to be told, within the caller's transaction.

        `alerts` are all that live, resolved ones that are still kept included, by fingerprint, as they are after the changes: an
        alert that was told as firing and is not among them is over.
        """
        routes, custody = self._routes, custody_of(connection, alerts, self.judge)
        self._follow_clock(connection, now, leads=custody.leads)
        group_rows.note_changes(connection, changes, routes, now)
        escalation.note_changes(connection, changes, routes, now)
        escalation.begin(connection, group_rows.place_waiting(connection, custody, routes, now), routes, now)
        self._follow_rules(connection, custody, now)
        escalation.raise_due(connection, custody, routes, now)
        withdraw(connection, custody, routes, now, self.judge)
        self._beat(connection, now)
        self._tell(connection, custody, now)
        self._follow_configuration(connection, now)
        self._prune(connection, now)
        self._rest(connection, now)

    def hurry(self) -> None:
        """Look at the queue at once where something was put into it lately."""
        if self._clock.steady() < self._fresh_until:
            self._alarm.set(self._clock.steady())

    async def dispatch(self) -> int:
        """Send once what is due on every channel, and return when all have answered; how many messages were tried."""
        self._delivery.judge = self.judge
        tried = await self._delivery.round(self._routes)
        self._rest_until = 0.0 if tried else self._rest_until
        return tried

    async def run(self) -> None:
        """Send what is written down until cancelled; a slow channel delays no other one.

        While the state database cannot be written nothing is sent, and `trouble` says why. Raises StateError when this process may
        not tell anybody anything any more.
        """
        await self._transact(lambda connection: outbox.release_claims(connection, self._clock.now(), self.judge))
        try:
            while True:
                # Before it is looked: what is put into the queue meanwhile brings the next look.
                self._alarm.at = self._clock.steady() + _LOOK_EVERY_SECONDS
                await self._send_some()
                await self._alarm.wait()
        finally:
            self._delivery.stop()

    async def _send_some(self) -> None:
        now = self._clock.now()
        if not self._delivery.is_busy and self._clock.steady() >= self._fresh_until and 0 <= now - self._polled_at < _POLL_SECONDS:
            return
        self._polled_at = now
        self._delivery.judge = self.judge
        try:
            if await self._delivery.begin(self._routes):
                self._rest_until = 0.0
            self.trouble = ""
        except StateError as error:
            if not self._may_send():
                raise
            self.trouble = error.message

    def _follow_clock(self, connection: sqlite3.Connection, now: float, *, leads: bool) -> None:
        """When the wall clock was set since the last look, all that waits goes on waiting for as long as it would have.

        Of the time before the first look only the last evaluation is known: where it lies ahead, the clock was set back.
        """
        wall, steady = moments_of(self._clock)
        is_first = self._looked_at is None or self._looked_as != self.judge
        if self._looked_at is None or is_first:
            set_by = min(0.0, now - last_evaluated(connection, self.judge, now))
        else:
            set_by = (wall - self._looked_at[0]) - (steady - self._looked_at[1])
        if abs(set_by) > JUMP_SECONDS and leads:
            group_rows.shift(connection, set_by)
            escalation.shift(connection, set_by)
            outbox.shift(connection, set_by)
        if is_first:
            self._ruled_at = None
        self._looked_at, self._looked_as = (wall, steady), self.judge

    def _follow_rules(self, connection: sqlite3.Connection, custody: Custody, now: float) -> None:
        """After another configuration, at the start, and once in a while, because a transaction may fail after this."""
        if self._ruled_at is None:
            group_rows.look_again(connection, now)
        if self._ruled_at is None or abs(now - self._ruled_at) >= _UNCONFIGURED_SECONDS:
            follow_rules(connection, custody, self._routes, now)
            self._ruled_at = now

    def _tell(self, connection: sqlite3.Connection, custody: Custody, now: float) -> None:
        due: dict[str, list[Part]] = defaultdict(list)
        waits: list[float] = []
        for group in group_rows.due_groups(connection, custody, self._routes, now):
            channel = self._routes.channels.get(group.channel)
            if channel is None:
                # Its configuration may be broken just now; what is to be told must not be lost over that.
                group_rows.put_off(connection, group, now + _UNCONFIGURED_SECONDS)
                continue
            decision = decide(group, channel, repeat_seconds(channel, self._rules_of(group)), now)
            group_rows.forget(connection, group, decision.forgotten)
            past_rows.lapse(connection, decision.lapsed)
            if decision.why is None:
                group_rows.put_off(connection, group, _look_at(group, decision, now))
            elif not channel.kind.is_relay and (until := self._seen_by(connection, decision, now)) is not None:
                group_rows.put_off(connection, group, now + _AT_NEXT_LOOK_SECONDS)
                waits.append(until)
            else:
                due[channel.name].append((group, decision))
        self.waits_until = min(waits, default=None)
        for name, parts in due.items():
            self._put(connection, self._routes.channels[name], parts, now)

    def _put(self, connection: sqlite3.Connection, channel: Channel, parts: list[Part], now: float) -> None:
        around = Surroundings(self._routes, self._evidence_of(connection, parts), now, self._new_id)
        lately = outbox.made_within(connection, channel.name, channel.rate_seconds, now)
        drafts, waiting = drafts_of(channel, parts, lately, around)
        for draft in drafts:
            self._put_into_queue(connection, draft.message, draft.tells)
            for group, decision in draft.parts:
                # What is to be told right after this message does not wait for more.
                sent_at = now - channel.group_interval_seconds if decision.is_behind else now
                group_rows.bind(connection, group, decision.over, draft.message.id, sent_at)
        for group in waiting:
            group_rows.put_off(connection, group, now + channel.rate_seconds / channel.most_messages)

    def _put_into_queue(self, connection: sqlite3.Connection, message: Message, tells: Tells) -> None:
        outbox.put(connection, message, tells, outbox.urgency_of(message.level, message.kind), self.judge, wall=self._clock.now())
        self._fresh_until = self._clock.steady() + _FRESH_SECONDS

    def _seen_by(self, connection: sqlite3.Connection, decision: Decision, now: float) -> float | None:
        """Until when a message waits for what is behind an alert that has just fired or risen; None where nothing is being read."""
        for member in decision.firing[:_MOST_EVIDENCE]:
            at = member.alert.evidence_at
            if member.told is not member.alert.level and at is not None and 0 <= now - at < _SEEN_WITHIN_SECONDS:
                seen = self._evidence(connection, member.alert)
                if seen is not None and not seen.is_whole:
                    return at + _SEEN_WITHIN_SECONDS + _AT_NEXT_LOOK_SECONDS
        return None

    def _evidence_of(self, connection: sqlite3.Connection, parts: list[Part]) -> dict[Fingerprint, Evidence]:
        alerts = [member.alert for _group, decision in parts for member in decision.firing]
        found = ((alert.fingerprint, self._evidence(connection, alert)) for alert in alerts[:_MOST_EVIDENCE])
        return {name: evidence for name, evidence in found if evidence is not None}

    def _rules_of(self, group: Group) -> list[Rule]:
        names = {member.alert.rule for member in group.members}
        return [self._routes.rules[name] for name in names if name in self._routes.rules]

    def _beat(self, connection: sqlite3.Connection, now: float) -> None:
        heartbeat = self._routes.heartbeat
        channel = self._routes.channels.get(heartbeat.channel) if heartbeat is not None else None
        if heartbeat is None or channel is None:
            return
        if self.judge and not is_all_judged(connection):
            return
        last = outbox.last_heartbeat(connection, channel.name, now)
        if last is None or now >= last + heartbeat.every_seconds:
            message = heartbeat_of(channel, heartbeat.every_seconds, Surroundings(self._routes, {}, now, self._new_id))
            self._put_into_queue(connection, message, Tells())

    def _follow_configuration(self, connection: sqlite3.Connection, now: float) -> None:
        if self._followed_at is None or abs(now - self._followed_at) >= _FOLLOW_SECONDS:
            follow_configuration(connection, self._routes.channels, self._routes.lacking, now)
            self._followed_at = now

    def _prune(self, connection: sqlite3.Connection, now: float) -> None:
        if self._pruned_at is None or abs(now - self._pruned_at) >= _PRUNE_SECONDS:
            outbox.prune(connection, now)
            self._pruned_at = now

    def _rest(self, connection: sqlite3.Connection, now: float) -> None:
        """Remember until when there is nothing to do, if nothing changes."""
        moments = [now + _LONGEST_REST_SECONDS, group_rows.next_due(connection, now), escalation.next_due(connection, now)]
        heartbeat = self._routes.heartbeat
        if heartbeat is not None:
            last = outbox.last_heartbeat(connection, heartbeat.channel, now)
            moments.append(None if last is None else last + heartbeat.every_seconds)
        self._rest_until = min(moment for moment in moments if moment is not None)


def _look_at(group: Group, decision: Decision, now: float) -> float | None:
    """When to look at a group again; a rule that is right again need not change an alert that has waited for it."""
    if not any(member.is_waiting for member in group.members):
        return decision.due_at
    soon = now + _UNCONFIGURED_SECONDS
    return soon if decision.due_at is None else min(soon, decision.due_at)

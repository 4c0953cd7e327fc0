"""Sending what is queued: who is tried when, what an answer means for the queue, and the alarm about a channel that does not work."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from aishell_core.values import TargetId
from alerts.models import Alert, InstanceKey, Level, Phase
from alerts.notify import group_rows, outbox
from alerts.notify.backoff import wait_seconds
from alerts.notify.models import Answer, Channel, ChannelKind, Fault, Message, Routes, Sender
from alerts.notify.outbox import Taken
from alerts.notify.personal import harmless
from alerts.notify.text import late_note
from alerts.notify.threads import in_daemon_thread

T = TypeVar("T")

UNDELIVERED = "NotificationsUndelivered"
"""The name of the alert that tells of a channel which has not taken a message for a day."""
_ANSWER_CHARACTERS = 200
_NAMED = 3
_GRACE_SECONDS = 5.0
_TRIES_AT_ONCE = 4
"""A sender may make several requests for one message, each within the channel's time."""


class Transact(Protocol):
    """Runs work in one short transaction on the state database, off the event loop; raises when this process may not write any more."""

    async def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """The work's result, once it is committed."""


class Delivery:
    """Takes messages from the queue and gives them to senders, each channel on its own."""

    def __init__(
        self,
        transact: Transact,
        senders: Mapping[ChannelKind, Sender],
        *,
        now: Callable[[], float],
        chance: Callable[[], float],
        may_send: Callable[[], bool],
    ) -> None:
        self._transact = transact
        self._senders = senders
        self._now = now
        self._chance = chance
        self._may_send = may_send
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self.judge = 0

    async def begin(self, routes: Routes) -> bool:
        """Start sending on the channels that are not busy with it; whether any channel was or is at work."""
        self._reap()
        free = [name for name in routes.channels if name not in self._under_way]
        taken = await self._take(free)
        for name, messages in taken.items():
            self._under_way[name] = asyncio.create_task(self._send_all(routes, routes.channels[name], messages))
        return bool(self._under_way)

    async def round(self, routes: Routes) -> int:
        """Send what is due now and wait for all answers; how many messages were tried."""
        taken = await self._take(routes.channels)
        await asyncio.gather(*(self._send_all(routes, routes.channels[name], messages) for name, messages in taken.items()))
        return sum(map(len, taken.values()))

    @property
    def is_busy(self) -> bool:
        """Whether something is being sent, or the end of it was not looked at yet."""
        return bool(self._under_way)

    def stop(self) -> None:
        """Give up what is being sent; it stays in the queue."""
        for task in self._under_way.values():
            task.cancel()

    def _reap(self) -> None:
        """Let go of finished tasks; what went wrong in one is raised here, where `run` tells of it."""
        for name, task in list(self._under_way.items()):
            if task.done():
                del self._under_way[name]
                task.result()

    async def _take(self, channels: Collection[str]) -> dict[str, list[Taken]]:
        return await self._transact(lambda connection: outbox.take(connection, channels, self._now(), self.judge))

    async def _send_all(self, routes: Routes, channel: Channel, messages: list[Taken]) -> None:
        """Send one after the other, until one shows that the whole channel must wait; the others are queued again."""
        for place, taken in enumerate(messages):
            answer = await self._send(channel, taken)
            if answer is None:
                return
            await self._transact(partial(self._settle, routes, taken, answer))
            if answer.fault in {Fault.BUSY, Fault.UNREACHABLE}:
                rest = [later.message for later in messages[place + 1 :]]
                await self._transact(partial(_queue_again, rest, self._now()))
                return

    async def _send(self, channel: Channel, taken: Taken) -> Answer | None:
        """What the receiver said; None when this process may not tell anybody anything any more."""
        sender, message = self._senders[channel.kind], taken.message

        def try_once() -> Answer | None:
            now = self._now()
            # A program is given the same body at every try, and has its times.
            told = _said_late(message, taken.made_at, now) if channel.kind is ChannelKind.APPRISE else message
            return sender.send(channel, told, now) if self._may_send() else None

        limit = channel.timeout_seconds * _TRIES_AT_ONCE + _GRACE_SECONDS
        try:
            return await asyncio.wait_for(in_daemon_thread(try_once, f"notify {channel.name}"), limit)
        except TimeoutError:
            return Answer(Fault.UNREACHABLE, f"no answer within {limit:.0f}s")
        except Exception as error:  # noqa: BLE001 - the border to 170 services: what one does wrong must not silence the others
            return Answer(Fault.REFUSED, f"its service failed: {type(error).__name__}")

    def _settle(self, routes: Routes, taken: Taken, answer: Answer, connection: sqlite3.Connection) -> None:
        """Write down what became of a try."""
        now, message = self._now(), taken.message
        text = harmless(answer.text)[:_ANSWER_CHARACTERS]
        outbox.note_try(connection, message, now, text, is_delivered=answer.is_delivered)
        if (answer.is_delivered or answer.had) and not message.had:
            # Those who have it go on being told, whatever becomes of the others.
            group_rows.told(connection, message.id, taken.tells, now)
        if answer.is_delivered:
            outbox.delivered(connection, message, now)
            group_rows.end_own(connection, f"{group_rows.OWN_PREFIX}{message.channel}", now)
            return
        outbox.note_reached(connection, message, answer.had)
        if answer.is_partly_delivered:
            outbox.works(connection, message.channel, now, text)
            outbox.put_off(connection, message, now + wait_seconds(taken.tries + 1, self._chance(), answer.wait_seconds))
            self._give_up_old(connection, routes, message.channel, text, now)
            return
        failures = outbox.failures(connection, message.channel) + 1
        if answer.fault is Fault.REFUSED:
            due_at = now + wait_seconds(taken.tries + 1, self._chance(), answer.wait_seconds)
            outbox.failed(connection, message.channel, now, text, None)
        else:
            due_at = now + wait_seconds(failures, self._chance(), answer.wait_seconds)
            outbox.failed(connection, message.channel, now, text, due_at)
        outbox.put_off(connection, message, due_at)
        self._give_up_old(connection, routes, message.channel, text, now)

    def _give_up_old(self, connection: sqlite3.Connection, routes: Routes, channel: str, answer: str, now: float) -> None:
        given_up = outbox.give_up_old(connection, channel, now)
        for id_, tells, _title in given_up:
            group_rows.given_up(connection, id_, tells, now)
        if given_up:
            others = [name for name in routes.channels if name != channel]
            alarm = undelivered_alert(channel, [title for _id, _tells, title in given_up], answer, now)
            group_rows.join(connection, alarm, others, routes, now)


def undelivered_alert(channel: str, titles: Sequence[str], answer: str, now: float) -> Alert:
    """The alert about a channel that has not taken messages of these titles for a day; it is over when the channel takes one."""
    target = TargetId(f"channel {channel}")
    labels = (("alertname", UNDELIVERED), ("channel", channel), ("severity", str(Level.CRITICAL)), ("target", str(target)))
    named = "; ".join(titles[:_NAMED]) + (f" and {len(titles) - _NAMED} more" if len(titles) > _NAMED else "")
    said, are = ("a message", "is") if len(titles) == 1 else (f"{len(titles)} messages", "are")
    summary = f"The channel {channel} has not taken {said} for a day, which {are} given up: {named}. Its last answer: {answer}"
    return Alert(
        fingerprint=f"{group_rows.OWN_PREFIX}{channel}",
        rule=UNDELIVERED,
        key=InstanceKey(target),
        labels=labels,
        phase=Phase.FIRING,
        level=Level.CRITICAL,
        since=now,
        fired_at=now,
        evaluated_at=now,
        annotations=(("summary", summary),),
    )


def _said_late(message: Message, made_at: float | None, now: float) -> Message:
    """The message as it leaves: one that was held up says so, for people would take its figures for those of now."""
    note = late_note(message.made_at if made_at is None else made_at, now)
    return replace(message, body=f"{note}\n\n{message.body}") if note else message


def _queue_again(messages: Collection[Message], now: float, connection: sqlite3.Connection) -> None:
    for message in messages:
        outbox.put_off(connection, message, now)

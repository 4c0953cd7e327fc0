"""Telling a channel something that no rule has found, such as how a backup ended: sent at once and past the queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aishell_core.values import Labels
from alerts.models import Fingerprint, Level
from alerts.notify.grouping import incident_of
from alerts.notify.models import Answer, Channel, ChannelKind, Item, Message, MessageKind, Sender
from alerts.notify.personal import harmless


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told. Notices of one `subject` belong together: one that is `over` closes the incident that another has opened."""

    subject: str
    title: str
    body: str
    level: Level
    labels: Labels = ()
    over: bool = False


def send_notice(channel: Channel, notice: Notice, senders: Mapping[ChannelKind, Sender], now: float, new_id: Callable[[], str]) -> Answer:
    """What the other side answers; blocking, within the channel's time limit. `now` is epoch seconds."""
    incident = incident_of(notice.subject)
    labels = tuple((name, harmless(value)) for name, value in notice.labels)
    summary = (("summary", harmless(notice.title)),)
    message = Message(
        id=new_id(),
        channel=channel.name,
        kind=MessageKind.RESOLVED if notice.over else MessageKind.FIRING,
        group=harmless(notice.subject),
        group_labels=labels,
        incident=incident,
        level=notice.level,
        title=harmless(notice.title),
        body=harmless(notice.body),
        made_at=now,
        items=(Item(Fingerprint(incident[:16]), labels, summary, now, now if notice.over else None),),
    )
    return senders[channel.kind].send(channel, message, now)

"""Trying a channel: a message that says that it is a test, sent at once and past the queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alerts.notify.compose import Surroundings, end_of_test, test_of
from alerts.notify.models import Answer, Channel, ChannelKind, Routes, Sender
from alerts.notify.urls import INCIDENT_KEYS, scheme_of


def try_channel(channel: Channel, senders: Mapping[ChannelKind, Sender], now: float, new_id: Callable[[], str]) -> Answer:
    """What the other side answers to a marked test; blocking, within a few times the channel's time limit.

    Where the test opens an incident, it is closed again at once. `now` is epoch seconds.
    """
    around = Surroundings(Routes({channel.name: channel}), {}, now, new_id)
    message = test_of(channel, around)
    sender = senders[channel.kind]
    answer = sender.send(channel, message, now)
    if answer.is_delivered and scheme_of(channel.url.reveal()) in INCIDENT_KEYS:
        ended = sender.send(channel, end_of_test(message, around), now)
        return answer if ended.is_delivered else ended
    return answer

"""Alertmanager itself as a receiver: it is told of what fires again and again, and forgets what it is not told of.

API: `POST /api/v2/alerts` (api/v2/openapi.yaml of prometheus/alertmanager). Sent as Prometheus sends: `endsAt` lies four resends
ahead, so that alerts end by themselves when nobody evaluates any more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from alerts.notify.grouping import RESEND_SECONDS
from alerts.notify.models import Answer, Channel, Fault, Item, Message
from alerts.notify.senders.http import post
from alerts.notify.senders.webhook import rfc3339
from alerts.notify.urls import http_url

_PATH = "/api/v2/alerts"
_AT_ONCE = 500
_KEPT_RESENDS = 4
_LABEL = re.compile(r"[^A-Za-z0-9_]")


class Alertmanager:
    """Posts alerts as data."""

    def send(self, channel: Channel, message: Message, now: float) -> Answer:
        """Try once, in as many requests as the alerts need; the first that fails speaks for all."""
        url = http_url(channel.url.reveal()).rstrip("/")
        url = url if url.endswith(_PATH) else f"{url}{_PATH}"
        answer = Answer(Fault.NONE, "nothing to send")
        for items in _portions(message.items):
            body = json.dumps([alert_of(item, now, message.made_at) for item in items], ensure_ascii=False).encode(
                "utf-8", "backslashreplace"
            )
            headers = {"Content-Type": "application/json", "Idempotency-Key": message.id}
            answer = post(url, body, headers, timeout_seconds=channel.timeout_seconds, now=now)
            if not answer.is_delivered:
                return answer
        return answer


def alert_of(item: Item, now: float, made_at: float) -> dict[str, object]:
    """An alert as the API takes it. A label's name may hold letters, digits and _ only, and an empty value is none.

    What was over when the message was made is over now, whatever the clock says: an end ahead would let it go on firing.
    """
    ends_at = item.ends_at if item.ends_at is not None else now + _KEPT_RESENDS * RESEND_SECONDS
    ends_at = min(ends_at, now) if item.ends_at is not None and item.ends_at <= made_at else ends_at
    return {
        "labels": {_name(name): value for name, value in item.labels if value},
        "annotations": {_name(name): value for name, value in item.annotations if value},
        "startsAt": rfc3339(min(item.starts_at, ends_at)),
        "endsAt": rfc3339(ends_at),
    }


def _name(name: str) -> str:
    plain = _LABEL.sub("_", name)
    return f"_{plain}" if plain[:1].isdigit() else plain


def _portions(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for begin in range(0, len(items), _AT_ONCE):
        yield items[begin : begin + _AT_ONCE]

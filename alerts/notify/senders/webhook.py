"""A webhook in the shape of Alertmanager's version 4, signed, with a key that is the same at every try.

Shape: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Signature: `X-Aishell-Signature: t=EPOCH,v1=HEX`,
where HEX is the HMAC-SHA256 of `EPOCH.BODY` under the channel's key, so that neither body nor time can be changed.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from aishell_core.values import Labels
from alerts.notify.models import Answer, Channel, Item, Message, MessageKind
from alerts.notify.senders.http import post
from alerts.notify.urls import http_url

SIGNATURE = "X-Aishell-Signature"
NO_TIME = "0001-01-01T00:00:00Z"
"""How Alertmanager writes a time that is not known yet."""


class Webhook:
    """Posts messages as JSON."""

    def send(self, channel: Channel, message: Message, now: float) -> Answer:
        """Try once; the signature is made anew, because it holds the time, the idempotency key is that of the message."""
        body = json.dumps(payload(message), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.id}
        if channel.key is not None:
            headers[SIGNATURE] = signature(channel.key.reveal(), body, now)
        return post(http_url(channel.url.reveal()), body, headers, timeout_seconds=channel.timeout_seconds, now=now)


def signature(key: str, body: bytes, now: float) -> str:
    """The value of the signature's header; `now` in epoch seconds."""
    moment = str(int(now))
    digest = hmac.digest(key.encode(), moment.encode() + b"." + body, "sha256").hex()
    return f"t={moment},v1={digest}"


def payload(message: Message) -> dict[str, object]:
    """The message as Alertmanager would have written it; `title` and `text` are ours."""
    alerts = [_alert(item, message.made_at) for item in message.items]
    is_over = message.kind is MessageKind.RESOLVED or (bool(alerts) and all(alert["status"] == "resolved" for alert in alerts))
    return {
        "version": "4",
        "groupKey": message.group,
        "truncatedAlerts": message.items_left_out,
        "status": "resolved" if is_over else "firing",
        "receiver": message.channel,
        "notification_reason": message.reason,
        "groupLabels": dict(message.group_labels),
        "commonLabels": common([item.labels for item in message.items]),
        "commonAnnotations": common([item.annotations for item in message.items]),
        "externalURL": "",
        "alerts": alerts,
        "title": message.title,
        "text": message.body,
        "test": message.kind is MessageKind.TEST,
    }


def common(pairs: Sequence[Labels]) -> dict[str, str]:
    """The labels that all have in common."""
    shared = set(pairs[0]).intersection(*pairs[1:]) if pairs else set()
    return dict(sorted(shared))


def rfc3339(at: float) -> str:
    """A time as Go's JSON writes it: 2026-11-21T18:40:02.125Z."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _alert(item: Item, now: float) -> dict[str, object]:
    is_over = item.ends_at is not None and item.ends_at <= now
    return {
        "status": "resolved" if is_over else "firing",
        "labels": dict(item.labels),
        "annotations": dict(item.annotations),
        "startsAt": rfc3339(item.starts_at),
        "endsAt": NO_TIME if item.ends_at is None else rfc3339(item.ends_at),
        "generatorURL": "",
        "fingerprint": item.fingerprint,
    }

"""The three ways out: Apprise, a signed webhook, Alertmanager."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.notify.models import Answer, Channel, ChannelKind, Message, Sender
from alerts.notify.senders.alertmanager import Alertmanager
from alerts.notify.senders.webhook import Webhook


class LateApprise:
    """Apprise, imported when the first message is sent through it: 0.2 s that a start without such channels does not pay."""

    def send(self, channel: Channel, message: Message, now: float) -> Answer:
        """Try once."""
        from alerts.notify.senders.apprise_service import AppriseService

        return AppriseService().send(channel, message, now)


def all_senders() -> Mapping[ChannelKind, Sender]:
    """A sender for every kind of channel."""
    return {ChannelKind.APPRISE: LateApprise(), ChannelKind.WEBHOOK: Webhook(), ChannelKind.ALERTMANAGER: Alertmanager()}

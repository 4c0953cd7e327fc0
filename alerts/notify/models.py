"""What notification hands around: channels, messages, what a receiver answered, how a channel is doing. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from aishell_core.targets import Secret
from aishell_core.values import Labels
from alerts.models import Fingerprint, Level
from alerts.rule import DAY_SECONDS, MINUTE_SECONDS, Rule

HOUR_SECONDS = 3600.0


class ChannelKind(StrEnum):
    """Who carries a channel's messages; told by its URL's scheme (`urls.kind_of`)."""

    APPRISE = "apprise"
    WEBHOOK = "webhook"
    ALERTMANAGER = "alertmanager"

    @property
    def is_relay(self) -> bool:
        """Whether the receiver groups, repeats and silences by itself, and forgets what it is not told of again."""
        return self is ChannelKind.ALERTMANAGER


@dataclass(frozen=True, slots=True)
class Channel:
    """Somewhere messages go, as the configuration has it. `url` is a secret; `key` signs a webhook's bodies.

    The three times are those of Alertmanager's routes. At most `most_messages` leave within `rate_seconds`; what is more is put
    together in one digest, or waits where every group is an incident of its own.
    """

    name: str
    url: Secret
    kind: ChannelKind = ChannelKind.APPRISE
    key: Secret | None = None
    send_resolved: bool = True
    least_level: Level = Level.INFO
    group_wait_seconds: float = 0.0
    group_interval_seconds: float = MINUTE_SECONDS
    repeat_seconds: float = 4 * HOUR_SECONDS
    most_messages: int = 20
    rate_seconds: float = MINUTE_SECONDS
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A dead-man's switch: a sign of life to `channel` every so often, for as long as rules are evaluated."""

    channel: str
    every_seconds: float


@dataclass(frozen=True, slots=True)
class Routes:
    """Who is told what: all that a notifier needs of the configuration. Rules by name, channels by name."""

    channels: Mapping[str, Channel] = field(default_factory=dict)
    default_channels: tuple[str, ...] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict)
    heartbeat: Heartbeat | None = None
    lacking: Mapping[str, Level] = field(default_factory=dict)
    """Channels that cannot be used just now, and from which level on each is told: what is for them waits until they can."""


class MessageKind(StrEnum):
    """What a message is about; the value is also the word in the queue."""

    FIRING = "firing"
    RESOLVED = "resolved"
    DIGEST = "digest"
    HEARTBEAT = "heartbeat"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Item:
    """One alert within a message, for receivers that take alerts as data. Times are epoch seconds, `ends_at` None while it fires."""

    fingerprint: Fingerprint
    labels: Labels
    annotations: Labels
    starts_at: float
    ends_at: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one channel. `id` is the same at every try, so that a receiver can know one that comes twice.

    `group` is what belongs together, as `{alertname="x", target="y"}`; `incident` names it for receivers that open and close
    incidents: the same from the first message of a group to its end. `items_left_out` counts alerts that found no room. `had` are
    digests of those of its recipients that have it already, where others were refused. `ends` are the incidents that a digest tells the
    end of, where it tells nothing else.
    """

    id: str
    channel: str
    kind: MessageKind
    group: str
    group_labels: Labels
    incident: str
    level: Level
    title: str
    body: str
    made_at: float
    items: tuple[Item, ...] = ()
    items_left_out: int = 0
    reason: str = ""
    had: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()

    @property
    def is_end(self) -> bool:
        """Whether all that it is about is over."""
        return self.kind is MessageKind.RESOLVED or bool(self.ends)


class Fault(StrEnum):
    """Why a message was not taken."""

    NONE = ""
    REFUSED = "refused"
    """The receiver does not want this message, or does not know us: other messages may fare better."""
    BUSY = "busy"
    """Too many messages, or a receiver in trouble: the whole channel waits."""
    UNREACHABLE = "unreachable"
    """No answer at all: the whole channel waits."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said, cut and without secrets. `wait_seconds` is what it asked us to wait, None where it did not.

    `had` are digests of the recipients that have the message, where others do not: they alone are tried again.
    """

    fault: Fault
    text: str
    wait_seconds: float | None = None
    had: tuple[str, ...] = ()

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver has it, all of its recipients if there are several."""
        return self.fault is Fault.NONE

    @property
    def is_partly_delivered(self) -> bool:
        """Whether some of its recipients have it and others were refused: the channel works."""
        return self.fault is Fault.REFUSED and bool(self.had)


class Sender(Protocol):
    """A way to a receiver. Blocking, called in a thread; never raises for what a receiver does."""

    def send(self, channel: Channel, message: Message, now: float) -> Answer:
        """Try once, within the channel's `timeout_seconds`; `now` is epoch seconds."""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel is doing. `failing_since` is None while its last try succeeded; `dead` counts messages that were given up.

    Since `missing_since` no program that tells people can use it; None where one can.
    """

    channel: str
    queued: int = 0
    dead: int = 0
    failing_since: float | None = None
    blocked_until: float | None = None
    last_answer: str = ""
    delivered_at: float | None = None
    missing_since: float | None = None


KEPT_SECONDS = 30 * DAY_SECONDS
"""How long the ledger of what was sent is kept."""

"""Values of notification as JSON text, for the rows they are kept in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache

from aishell_core.state.codec import storable
from aishell_core.state.forms import Form
from aishell_core.values import Labels
from alerts.models import Fingerprint, Level
from alerts.notify.models import Message


@dataclass(frozen=True, slots=True)
class Tells:
    """What a receiver knows once it has a message: by group, each alert's level, or None for one that is over."""

    groups: dict[int, dict[Fingerprint, Level | None]] = field(default_factory=dict)


# Made when the first message is: a program that tells nobody anything needs none.
@cache
def _messages() -> Form[Message]:
    return Form(Message)


@cache
def _tells() -> Form[Tells]:
    return Form(Tells)


def encode_message(message: Message) -> str:
    """A message as JSON; it holds no secret of its channel."""
    return _messages().encode(message)


def decode_message(text: str) -> Message | None:
    """The message; None of a text that is damaged."""
    return _messages().decode(text)


def encode_tells(tells: Tells) -> str:
    """What a message tells, as JSON."""
    return _tells().encode(tells)


def decode_tells(text: str) -> Tells:
    """What a message tells; nothing where the text is damaged."""
    return _tells().decode(text) or Tells()


def encode_labels(labels: Labels) -> str:
    """Labels as JSON: [[name, value], ...]."""
    return storable(json.dumps(labels, ensure_ascii=False, separators=(",", ":")))


def decode_labels(text: str) -> Labels:
    """The labels of such a text."""
    return tuple((str(name), str(value)) for name, value in json.loads(text))

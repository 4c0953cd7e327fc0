"""What may be written down of a command: its literals become keyed hashes, by which equal ones are known and none is read."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from aishell_core.safety.languages import language_of
from aishell_core.values import Value

_DIGITS = 12


@dataclass(frozen=True, slots=True)
class LiteralHash:
    """Replaces a literal by the first digits of its HMAC-SHA256 under a key that never leaves the state folder."""

    key: bytes = field(repr=False)

    def __call__(self, literal: str) -> str:
        """The hash as it stands in the log, such as `#3f2a09c1d4e5`."""
        digest = hmac.digest(self.key, literal.encode("utf-8", "surrogatepass"), "sha256")
        return f"#{digest.hex()[:_DIGITS]}"


def redacted(engine: str, command: str, literal_hash: LiteralHash, parameters: Sequence[Value] = (), *, understood: bool = True) -> str:
    """A command of an engine's language without its literals and comments.

    Of what could not be understood, and of a language that nobody here knows, nothing but a hash and the length is
    left: it may be a password that went into the wrong window. Of an act that has no command there is nothing.
    """
    if not command:
        return ""
    language = language_of(engine)
    try:
        shape = language.redacted(command, literal_hash, parameters) if language is not None and understood else None
    except RecursionError:
        shape = None
    return f"{literal_hash(command)} ({len(command)} characters)" if shape is None else shape

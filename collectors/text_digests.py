"""The digests of statements for which a server computes no identifier."""

from __future__ import annotations

from collections import OrderedDict

from aishell_core.engines.statement_text import Dialect, digest, normalise

_KEPT = 4096
_PER_READING = 200


class TextDigests:
    """Makes digests from texts, and keeps those that it made; a reading may have so many new ones made.

    Making one takes about 0.1 ms, which thousands of sessions with a new text each second would add up to a core's share.
    """

    def __init__(self, dialect: Dialect, per_reading: int = _PER_READING) -> None:
        self._dialect = dialect
        self._known: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._per_reading = per_reading
        self._left = per_reading

    def begin(self) -> None:
        """A new reading begins."""
        self._left = self._per_reading

    def of(self, text: str) -> tuple[str, str]:
        """The digest of a text and the shape that it stands for; both empty for no text and once too many are new."""
        if not text:
            return "", ""
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
            return known
        if self._left <= 0:
            return "", ""
        self._left -= 1
        shape = normalise(text, self._dialect)
        made = self._known[text] = (digest(shape), shape)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return made

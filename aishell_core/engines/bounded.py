"""Rows of an answer that are taken in until a limit is reached; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aishell_core.values import Value

_NUMBER_BYTES = 8


@dataclass(slots=True)
class Bounded:
    """At most so many rows and so many bytes of values; `cut` names the limit that was reached ("rows" or "bytes")."""

    most_rows: int
    most_bytes: int
    rows: list[tuple[Value, ...]] = field(default_factory=list)
    size_bytes: int = 0
    cut: str = ""

    def take(self, row: tuple[Value, ...]) -> bool:
        """Take one more row; False, and nothing is taken, when a limit forbids it."""
        size = sum(map(weight_bytes, row))
        if len(self.rows) >= self.most_rows:
            self.cut = "rows"
        elif self.size_bytes + size > self.most_bytes:
            self.cut = "bytes"
        else:
            self.rows.append(row)
            self.size_bytes += size
        return not self.cut

    def take_all(self, rows: Iterable[tuple[Value, ...]]) -> bool:
        """Take rows as far as the limits let; False when they end them."""
        return all(map(self.take, rows))

    def next_piece(self, most: int) -> int:
        """How many rows to ask for next: one at first, then as many as fit by the size of those that came."""
        if not self.rows:
            return 1
        average = max(1, self.size_bytes // len(self.rows))
        return max(1, min(most, (self.most_bytes - self.size_bytes) // average, self.most_rows + 1 - len(self.rows)))


def weight_bytes(value: object) -> int:
    """How much a value counts: a text its bytes, a number eight."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes | bytearray):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(map(weight_bytes, value))
    if isinstance(value, Mapping):
        return sum(weight_bytes(key) + weight_bytes(each) for key, each in value.items())
    return _NUMBER_BYTES

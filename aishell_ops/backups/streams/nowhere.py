"""A sink that takes all and keeps nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aishell_ops.backups.streams.contract import Stop, Writer


class Nowhere:
    """Takes a stream, so that it is read to its end and checked, and keeps nothing of it."""

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Writer]:
        """Take it."""
        yield self

    def write(self, data: bytes | memoryview) -> None:
        """Forget it."""

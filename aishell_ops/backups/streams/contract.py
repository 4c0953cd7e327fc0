"""What flows between an engine and a storage; all of it runs in threads, never on the event loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from aishell_core.targets import Secret
from aishell_ops.backups.models import Compression, Encryption
from aishell_ops.backups.storage.contract import Reader, Writer

__all__ = ["Keys", "PlainSink", "PlainSource", "Progress", "Reader", "Recipe", "Stop", "Stride", "Writer"]


class Stop(Protocol):
    """Tells whether somebody wants the work to end; a `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether to end now."""


@dataclass(frozen=True, slots=True)
class Stride:
    """How far a stream has come: the part, what the engine gave or took, what the storage took or gave; bytes."""

    part: str
    plain_bytes: int
    stored_bytes: int


Progress = Callable[[Stride], None]
"""Is told of every few megabytes; called from a thread, must not wait."""


class PlainSource(Protocol):
    """One stream that an engine gives, such as the output of its dump program.

    `name` is the part's name without the suffixes of compression and encryption. `expected_bytes` is a guess for the ETA.
    """

    @property
    def name(self) -> str:
        """The part's name."""

    @property
    def expected_bytes(self) -> int | None:
        """About how many bytes will come; None where nobody knows."""

    def opened(self, stop: Stop) -> AbstractContextManager[Reader]:
        """Begin to give the bytes.

        Whether the stream is whole is known when the block ends: its end raises BackupError when a program failed or
        complained, when nothing came, or when the format's trailer is missing. A block that is left early ends its programs.
        """


class PlainSink(Protocol):
    """One stream that an engine takes, such as the input of its restore program."""

    def opened(self, stop: Stop) -> AbstractContextManager[Writer]:
        """Begin to take the bytes; the block's end raises BackupError when a program failed, and ends it when left early."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done with a stream on its way to the storage. `level` None is the format's own middle way."""

    compression: Compression = Compression.ZSTD
    level: int | None = None
    encryption: Encryption | None = None
    passphrase: Secret | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens encrypted parts: age identities (secret keys), or a passphrase."""

    identities: tuple[Secret, ...] = ()
    passphrase: Secret | None = None

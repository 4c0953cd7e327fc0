"""From a stored part back to the engine's stream: storage, hash, decryption, decompression, hash, sink, side by side."""

from __future__ import annotations

from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.models import Compression, Part
from aishell_ops.backups.storage.contract import Reader, Storage, Writer
from aishell_ops.backups.streams.compression import unsqueezed
from aishell_ops.backups.streams.contract import Keys, PlainSink, Progress, Stop, Stride
from aishell_ops.backups.streams.digest import Digest
from aishell_ops.backups.streams.pipe import Pipe
from aishell_ops.backups.streams.stages import Stages
from aishell_ops.backups.streams.stopping import expect_wanted

_PIECE_BYTES = 1 << 20
_STRIDE_BYTES = 4 << 20
_ELSEWHERE = "restore from another copy or another backup"


def fetch(
    part: Part, storage: Storage, key: str, sink: PlainSink, progress: Progress, stop: Stop, *, compression: Compression, keys: Keys | None
) -> None:
    """Give a stored part to a sink as the engine gave it; `keys` None is for parts that are not encrypted.

    Raises DamagedError when what lies in the storage is not what was written there. The sink has had wrong bytes by then,
    and its own block ends with that error, so that nothing of it is kept.
    """
    plain, stored = Digest(), Digest()
    stages = Stages(stop)
    with sink.opened(stages) as taker:
        from_storage = stages.pipe()
        to_unsqueeze = from_storage
        if keys is not None:
            to_unsqueeze = stages.pipe()
            stages.stage("decrypt", lambda: _decrypt(from_storage, to_unsqueeze, keys, key))
        to_take = stages.pipe()
        stages.stage("decompress", lambda: _unsqueeze(to_unsqueeze, to_take, compression, key))
        stages.stage("take", lambda: _take(to_take, taker, plain))
        with stages.running(), storage.reading(key) as reader:
            while piece := reader.read(_PIECE_BYTES):
                before = stored.size_bytes // _STRIDE_BYTES
                stored.add(piece)
                from_storage.write(piece)
                if stored.size_bytes // _STRIDE_BYTES != before:
                    progress(Stride(part.name, plain.size_bytes, stored.size_bytes))
            _compare(part, stored, key)
            from_storage.end()
        if (plain.size_bytes, plain.sha256()) != (part.plain_bytes, part.plain_sha256):
            raise DamagedError(f"{key} is whole, but its content is not what was saved", _ELSEWHERE)
    progress(Stride(part.name, plain.size_bytes, stored.size_bytes))


def check_stored(part: Part, storage: Storage, key: str, progress: Progress, stop: Stop) -> None:
    """Read a stored part and compare its size and hash with the manifest's; raises DamagedError."""
    stored = Digest()
    with storage.reading(key) as reader:
        while piece := reader.read(_PIECE_BYTES):
            expect_wanted(stop)
            stored.add(piece)
            progress(Stride(part.name, 0, stored.size_bytes))
    _compare(part, stored, key)


def _compare(part: Part, stored: Digest, key: str) -> None:
    if stored.size_bytes != part.stored_bytes:
        raise DamagedError(f"{key} has {stored.size_bytes} bytes, and {part.stored_bytes} were written", _ELSEWHERE)
    if stored.sha256() != part.stored_sha256:
        raise DamagedError(f"{key} has been changed or damaged: its hash is not the one that was written", _ELSEWHERE)


def _decrypt(stored: Pipe, plain: Pipe, keys: Keys, where: str) -> None:
    from aishell_ops.backups.streams.encryption import decrypt

    decrypt(keys, stored, plain, where)
    plain.end()


def _unsqueeze(squeezed: Reader, plain: Pipe, compression: Compression, where: str) -> None:
    opened = unsqueezed(squeezed, compression, where)
    while piece := opened.read(_PIECE_BYTES):
        plain.write(piece)
    plain.end()


def _take(plain: Reader, taker: Writer, digest: Digest) -> None:
    while piece := plain.read(_PIECE_BYTES):
        digest.add(piece)
        taker.write(piece)

"""From an engine's stream to a stored part: source, hash, compression, encryption, hash, storage, side by side."""

from __future__ import annotations

from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import Part
from aishell_ops.backups.storage.contract import Reader, Writer, Writes
from aishell_ops.backups.streams.compression import FORMATS, squeezer
from aishell_ops.backups.streams.contract import PlainSource, Progress, Recipe, Stop, Stride
from aishell_ops.backups.streams.digest import Digest
from aishell_ops.backups.streams.pipe import Pipe
from aishell_ops.backups.streams.stages import Stages

_PIECE_BYTES = 1 << 20
_STRIDE_BYTES = 4 << 20


def part_name(name: str, recipe: Recipe) -> str:
    """The name of a part as it lies in the storage: with the suffixes that the usual programs know."""
    return f"{name}{FORMATS[recipe.compression].suffix}{'.age' if recipe.encryption is not None else ''}"


def store(source: PlainSource, storage: Writes, key: str, recipe: Recipe, progress: Progress, stop: Stop) -> Part:
    """Store a stream under a key, and tell what it was; nothing is there when this raises.

    The object is committed only after the source has said that the stream is whole. Raises BackupError and its kin.
    """
    name = key.rpartition("/")[2]
    plain, stored = Digest(), Digest()
    with storage.writing(key) as writer:
        stages = Stages(stop)
        to_squeeze = stages.pipe()
        to_write = to_encrypt = stages.pipe()
        stages.stage("compress", lambda: _squeeze(to_squeeze, to_encrypt, recipe))
        if recipe.encryption is not None:
            to_write = stages.pipe()
            stages.stage("encrypt", lambda: _encrypt(to_encrypt, to_write, recipe))
        stages.stage("write", lambda: _pass(to_write, writer, stored))
        with stages.running(), source.opened(stages) as reader:
            while piece := reader.read(_PIECE_BYTES):
                before = plain.size_bytes // _STRIDE_BYTES
                plain.add(piece)
                to_squeeze.write(piece)
                if plain.size_bytes // _STRIDE_BYTES != before:
                    progress(Stride(name, plain.size_bytes, stored.size_bytes))
            to_squeeze.end()
    progress(Stride(name, plain.size_bytes, stored.size_bytes))
    return Part(name, plain.size_bytes, stored.size_bytes, plain.sha256(), stored.sha256())


def _squeeze(plain: Pipe, squeezed: Pipe, recipe: Recipe) -> None:
    way = squeezer(recipe.compression, recipe.level)
    while piece := plain.read(_PIECE_BYTES):
        for small in way.compress(piece):
            squeezed.write(small)
    for small in way.finish():
        squeezed.write(small)
    squeezed.end()


def _encrypt(plain: Pipe, stored: Pipe, recipe: Recipe) -> None:
    # Imported where it is used: most backups of a laptop are not encrypted.
    from aishell_ops.backups.streams.encryption import encrypt

    if recipe.encryption is None or not recipe.encryption.recipients:
        raise BackupError(
            "encryption is wanted, but no key to encrypt to is named", "name a recipient (age1...) in the configuration, or a passphrase"
        )
    encrypt(recipe.encryption, plain, stored)
    stored.end()


def _pass(stored: Reader, writer: Writer, digest: Digest) -> None:
    while piece := stored.read(_PIECE_BYTES):
        digest.add(piece)
        writer.write(piece)

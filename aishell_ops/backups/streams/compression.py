"""Making streams smaller and whole again; each format can be opened by the usual program of its name."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Protocol, cast

import zstandard

from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.models import Compression
from aishell_ops.backups.storage.contract import Reader

_MOST_BYTES = 40 << 20
"""What the threads of a zstd stream may hold together: measured, a thread holds about four times its job."""
_JOB_BYTES = 4 << 20
"""Each job begins by reading again the end of the one before, so that larger jobs cost less."""
_SMALLEST_JOB_BYTES = 1 << 20
_MOST_WINDOW_BYTES = 128 << 20
_PIECE_BYTES = 1 << 20
_GZIP_WINDOW = 31
"""zlib's largest window, plus 16 for gzip's own header and trailer."""


class Squeezer(Protocol):
    """Makes a stream smaller."""

    def compress(self, data: bytes | memoryview) -> Iterable[bytes]:
        """What can be told of the stream by now, piece by piece; may be nothing."""

    def finish(self) -> Iterable[bytes]:
        """The rest, with the format's trailer."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a compression is called in a part's name, its levels, and the program that opens it."""

    suffix: str
    program: str
    level: int
    least: int
    most: int


FORMATS: dict[Compression, Format] = {
    Compression.ZSTD: Format(".zst", "zstd", 3, 1, 19),
    Compression.GZIP: Format(".gz", "gzip", 6, 1, 9),
    Compression.BZIP2: Format(".bz2", "bzip2", 9, 1, 9),
    Compression.NONE: Format("", "cat", 0, 0, 0),
}


def squeezer(compression: Compression, level: int | None = None) -> Squeezer:
    """What compresses at a level of the format's own; zstd uses all cores as far as memory allows."""
    level = FORMATS[compression].level if level is None else level
    match compression:
        case Compression.ZSTD:
            # In one piece the output of all threads could be far more than they hold.
            return zstandard.ZstdCompressor(compression_params=_parameters(level, os.cpu_count() or 1)).chunker(chunk_size=_PIECE_BYTES)
        case Compression.GZIP:
            return _OneByOne(zlib.compressobj(level, zlib.DEFLATED, _GZIP_WINDOW))
        case Compression.BZIP2:
            return _OneByOne(bz2.BZ2Compressor(level))
        case Compression.NONE:
            return _Same()


def _parameters(level: int, cores: int) -> zstandard.ZstdCompressionParameters:
    """Levels above 9 hold far more for each thread, so that they run on fewer."""
    share = 8 if level > 9 else 4
    threads = max(1, min(cores, _MOST_BYTES // (share * _SMALLEST_JOB_BYTES)))
    job = max(_SMALLEST_JOB_BYTES, min(_JOB_BYTES, _MOST_BYTES // (share * threads)))
    if threads == 1:
        return zstandard.ZstdCompressionParameters.from_level(level, write_checksum=True)
    return zstandard.ZstdCompressionParameters.from_level(level, threads=threads, job_size=job, write_checksum=True)


class _Flushing(Protocol):
    """How the standard library compresses."""

    def compress(self, data: bytes | memoryview, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _OneByOne:
    """Gives what comes of each call as one piece, which is no larger than what was taken in by it and a little before."""

    def __init__(self, way: _Flushing) -> None:
        self._way = way

    def compress(self, data: bytes | memoryview) -> Iterable[bytes]:
        return (self._way.compress(data),)

    def finish(self) -> Iterable[bytes]:
        return (self._way.flush(),)


class _Same:
    """No compression."""

    def compress(self, data: bytes | memoryview) -> Iterable[bytes]:
        return (bytes(data),)

    def finish(self) -> Iterable[bytes]:
        return ()


def unsqueezed(stored: Reader, compression: Compression, where: str) -> Reader:
    """The stream as it was before it was compressed, in pieces that are never larger than what is asked for.

    `where` names it in errors; reading raises DamagedError where it cannot be decompressed or has been cut.
    """
    source = cast(BinaryIO, _Source(stored))
    match compression:
        case Compression.ZSTD:
            unpacker = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW_BYTES)
            return _Checked(unpacker.stream_reader(source, read_size=_PIECE_BYTES, read_across_frames=True), where)
        case Compression.GZIP:
            return _Checked(gzip.GzipFile(fileobj=source, mode="rb"), where)
        case Compression.BZIP2:
            return _Checked(bz2.BZ2File(source), where)
        case Compression.NONE:
            return stored


class _Source(io.RawIOBase):
    """A stream as the libraries want a file to be."""

    def __init__(self, stored: Reader) -> None:
        self._stored = stored

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._stored.read(size if size > 0 else _PIECE_BYTES)


class _Checked:
    """Turns the faults of all these libraries into one."""

    def __init__(self, unpacked: Reader, where: str) -> None:
        self._unpacked = unpacked
        self._where = where

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end alone."""
        try:
            return self._unpacked.read(size)
        except (zlib.error, OSError, EOFError, ValueError, zstandard.ZstdError) as fault:
            raise DamagedError(f"{self._where} cannot be decompressed: {fault}", "restore from another copy or another backup") from fault

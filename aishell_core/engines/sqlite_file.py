"""What the bytes of a database file, its write-ahead log and its shared-memory index say, without a single query.

Offsets and meanings: https://sqlite.org/fileformat2.html and https://sqlite.org/walformat.html.
"""

from __future__ import annotations

import errno
import math
import os
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from aishell_core.engines.descriptors import DESCRIPTORS, Descriptors, OpenFile

MAGIC = b"SQLite format 3\x00"
HEADER_BYTES = 100
SAMPLE_BYTES = 4096
JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_INDEX_VERSION = 3007000
_INDEX_HEADER = struct.Struct("=IIIBBHII2I2I2I")  # native byte order: the index never leaves the machine
_CHECKPOINT = struct.Struct("=I5I")
_ENCODINGS = {1: "UTF-8", 2: "UTF-16le", 3: "UTF-16be"}


@dataclass(frozen=True, slots=True)
class Header:
    """The first hundred bytes of a database file."""

    page_bytes: int
    write_version: int
    read_version: int
    change_counter: int
    page_count: int
    free_pages: int
    schema_cookie: int
    schema_format: int
    encoding: str
    user_version: int
    application_id: int
    valid_for: int
    library_version: int
    auto_vacuum: bool
    incremental_vacuum: bool

    @property
    def wal(self) -> bool:
        """Whether the journal is a write-ahead log."""
        return self.write_version == 2

    @property
    def version(self) -> str:
        """The version of the SQLite library that wrote last, as in 3.45.1; empty when the file does not say."""
        number = self.library_version
        return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}" if number else ""

    @property
    def page_count_known(self) -> bool:
        """Whether the page count was written by a library that keeps it."""
        return self.page_count > 0 and self.valid_for == self.change_counter


def parse_header(data: bytes) -> Header | None:
    """The header in these bytes, None where they are not the beginning of an SQLite database."""
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        return None
    (page_size,) = struct.unpack_from(">H", data, 16)
    page_bytes = 65536 if page_size == 1 else page_size
    if page_bytes < 512 or page_bytes & (page_bytes - 1):
        return None
    words = struct.unpack_from(">12I", data, 24)
    return Header(
        page_bytes=page_bytes,
        write_version=data[18],
        read_version=data[19],
        change_counter=words[0],
        page_count=words[1],
        free_pages=words[3],
        schema_cookie=words[4],
        schema_format=words[5],
        encoding=_ENCODINGS.get(words[8], ""),
        user_version=_signed(words[9]),
        application_id=words[11],
        valid_for=struct.unpack_from(">I", data, 92)[0],
        library_version=struct.unpack_from(">I", data, 96)[0],
        auto_vacuum=words[7] != 0,
        incremental_vacuum=words[10] != 0,
    )


def _signed(word: int) -> int:
    return word - 2**32 if word >= 2**31 else word


@dataclass(frozen=True, slots=True)
class WalIndex:
    """The header of the write-ahead log's index: what every connection of a live database agrees on.

    `commits` is counted up by each transaction and begins again at 0 when the index is made anew.
    """

    commits: int
    frames: int
    page_count: int
    copied_frames: int

    @property
    def pending_frames(self) -> int:
        """Frames that no checkpoint has copied back yet."""
        return max(0, self.frames - self.copied_frames)


def parse_wal_index(data: bytes) -> WalIndex | None:
    """The index header in the first 136 bytes of a `-shm` file; None where it is not set up or is being written just now."""
    size = _INDEX_HEADER.size
    if len(data) < 2 * size + _CHECKPOINT.size or data[:size] != data[size : 2 * size]:
        return None
    version, _, commits, initialised, _, _, frames, page_count, *_ = _INDEX_HEADER.unpack_from(data)
    if version != _INDEX_VERSION or not initialised:
        return None
    copied, *_ = _CHECKPOINT.unpack_from(data, 2 * size)
    return WalIndex(commits, frames, page_count, copied)


def entropy_ratio(data: bytes) -> float:
    """How random bytes look, 0 to 1: Shannon's entropy per byte over the most that so many bytes can have."""
    if len(data) < 2:
        return 0.0
    total = len(data)
    bits = -sum(count / total * math.log2(count / total) for count in Counter(data).values())
    return bits / min(8.0, math.log2(total))


@dataclass(frozen=True, slots=True)
class SideFile:
    """A file beside the database: its write-ahead log, the log's index or its rollback journal."""

    inode: int
    size_bytes: int
    modified_nanoseconds: int


@dataclass(frozen=True, slots=True)
class FileLook:
    """One look at a database file and the files beside it.

    `header` is None for an empty file and for one that is no database; `begin` holds the first bytes in the latter case.
    """

    path: Path
    file: OpenFile
    header: Header | None
    begin: bytes = b""
    wal: SideFile | None = None
    journal: SideFile | None = None
    index_file: OpenFile | None = None
    index: WalIndex | None = None

    @property
    def in_wal_mode(self) -> bool:
        """Whether the database keeps a write-ahead log, rather than a rollback journal."""
        return self.header is not None and self.header.wal

    @property
    def disk_bytes(self) -> int:
        """The bytes of the database and of the files beside it."""
        sides = (self.wal, self.journal, self.index_file)
        return self.file.size_bytes + sum(side.size_bytes for side in sides if side is not None)


def look_at(path: Path, descriptors: Descriptors = DESCRIPTORS) -> FileLook:
    """Read the headers of a database; raises OSError, and NotRegularFileError for what must not be opened.

    SQLite names the files beside the database after the real file, so links are followed first.
    """
    if "\0" in str(path):
        raise OSError(errno.EILSEQ, "it holds a NUL character")
    real = Path(os.path.realpath(path))
    file = descriptors.open(real)
    begin = os.pread(file.descriptor, HEADER_BYTES, 0)
    header = parse_header(begin)
    if header is None and begin:
        begin = os.pread(file.descriptor, SAMPLE_BYTES, 0)
    index_file = _open_side(beside(real, "-shm"), descriptors) if header is not None and header.wal else None
    return FileLook(
        path=real,
        file=file,
        header=header,
        begin=begin if header is None else b"",
        wal=_side(beside(real, "-wal")),
        journal=_side(beside(real, "-journal")),
        index_file=index_file,
        index=_read_index(index_file.descriptor) if index_file is not None else None,
    )


def beside(path: Path, suffix: str) -> Path:
    """The file beside a database that SQLite names with this suffix."""
    return path.with_name(path.name + suffix)


def _side(path: Path) -> SideFile | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # the database's own name is just short enough: no file can lie beside it
            return None
        raise
    return SideFile(found.st_ino, found.st_size, found.st_mtime_ns)


def _open_side(path: Path, descriptors: Descriptors) -> OpenFile | None:
    try:
        return descriptors.open(path)
    except OSError:  # absent, or not ours to read: what it would say stays unknown
        return None


def _read_index(descriptor: int) -> WalIndex | None:
    # The two copies differ while a writer is between them; it stays there for less than a microsecond.
    for _ in range(3):
        index = parse_wal_index(os.pread(descriptor, 136, 0))
        if index is not None:
            return index
    return None

"""What SQLite alone has."""

from __future__ import annotations

from aishell_core.catalogue.declare import SQLITE, gauge, rate, ratio
from aishell_core.values import Unit

SQLITE_FILE_SIZE = gauge("sqlite.file.size", Unit.BYTES, SQLITE, "Size of the database file.")
SQLITE_WAL_SIZE = gauge("sqlite.wal.size", Unit.BYTES, SQLITE, "Size of the write-ahead log file.", 64 * 2**20, 512 * 2**20)
SQLITE_WAL_FRAMES = gauge("sqlite.wal.frames", Unit.COUNT, SQLITE, "Valid frames in the write-ahead log (mxFrame of its index).")
SQLITE_WAL_PENDING = gauge(
    "sqlite.wal.pending", Unit.COUNT, SQLITE, "Frames in the write-ahead log that no checkpoint has copied back yet.", 10_000, 100_000
)
SQLITE_FREELIST_SIZE = gauge("sqlite.freelist.size", Unit.BYTES, SQLITE, "Bytes in pages that hold nothing; VACUUM would give them back.")
SQLITE_FREE_RATIO = ratio("sqlite.freelist.ratio", SQLITE, "Share of the file's pages that hold nothing.", 0.5)
SQLITE_PAGE_SIZE = gauge("sqlite.page.size", Unit.BYTES, SQLITE, "Size of one page.")
SQLITE_CACHE_SIZE = gauge("sqlite.cache.size", Unit.BYTES, SQLITE, "Page cache that a new connection gets by default.")
SQLITE_RESIDENT_RATIO = ratio("sqlite.resident.ratio", SQLITE, "Share of the database file that is in the machine's page cache.")
SQLITE_READERS = gauge("sqlite.readers", Unit.COUNT, SQLITE, "Processes seen to hold a read lock at the moment of the look.")
SQLITE_WRITE_LOCK = gauge(
    "sqlite.write_lock.held", Unit.SECONDS, SQLITE, "Time for which the write lock has been seen held by one process; 0 when free.", 5, 60
)
SQLITE_BUSY_RATE = rate(
    "sqlite.busy.rate", Unit.PER_SECOND, SQLITE, "Statements in the statement log that gave up because the database was locked."
)
SQLITE_TABLE_SIZE = gauge("sqlite.table.size", Unit.BYTES, SQLITE, "Size of a table with its indexes, by the label `table` (largest ones).")

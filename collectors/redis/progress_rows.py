"""What the server does for long: loading, saving, rewriting, copying to or from another one, defragmenting. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from aishell_core.engines.redis_text import Fields, number
from aishell_core.units import format_bytes, format_duration
from aishell_core.values import Progress


def progress_of(info: Fields) -> tuple[Progress, ...]:
    """The long operations of this moment; all are the server's own, so that they belong to no session."""
    return tuple(_found(info))


def _found(info: Fields) -> Iterator[Progress]:
    if info.get("loading") == "1":
        done, total = number(info, "loading_loaded_bytes"), number(info, "loading_total_bytes")
        yield Progress("server", "loading", "reading the data into memory", done, total or None, unit="bytes")
    if info.get("rdb_bgsave_in_progress") == "1":
        yield _forked(info, "saving", "rdb_current_bgsave_time_sec")
    if info.get("aof_rewrite_in_progress") == "1":
        yield _forked(info, "rewriting the append-only file", "aof_current_rewrite_time_sec")
    elif info.get("aof_rewrite_scheduled") == "1":
        yield Progress("server", "rewriting the append-only file", "waits for the save to end")
    if info.get("master_sync_in_progress") == "1":
        total, left = number(info, "master_sync_total_bytes"), number(info, "master_sync_left_bytes")
        known = total is not None and left is not None and total > 0 and left >= 0
        done = total - left if known and total is not None and left is not None else number(info, "master_sync_read_bytes")
        yield Progress("server", "copying from the primary", "receiving", done, total if known else None, unit="bytes")
    if info.get("active_defrag_running", "0") != "0":
        yield Progress("server", "defragmenting", f"uses {info['active_defrag_running']} % of a core")


def _forked(info: Fields, operation: str, since: str) -> Progress:
    """A save or rewrite by a forked process; what is copied because of writes meanwhile is its memory."""
    done, total = number(info, "current_save_keys_processed"), number(info, "current_save_keys_total")
    copied, seconds = number(info, "current_cow_size"), number(info, since)
    details = (
        ("runs for", format_duration(seconds) if seconds is not None and seconds >= 0 else ""),
        ("memory copied by writes", format_bytes(copied) if copied else ""),
    )
    return Progress("server", operation, "writing", done, total or None, unit="keys", details=tuple(each for each in details if each[1]))

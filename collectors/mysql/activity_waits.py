"""What a thread's state says about what it waits for. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

LOCK = "Lock"
CPU = "CPU"
ROW_LOCK = "row lock"
METADATA = "metadata lock"

_LOCKS = re.compile(
    r"waiting for (.*metadata lock|global read lock|commit lock|backup lock|table level lock|table lock|lock to start|acl cache lock)$",
    re.IGNORECASE,
)
_WORDS: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (wait_class, wait, re.compile(pattern, re.IGNORECASE))
    for wait_class, wait, pattern in (
        (LOCK, "user lock", r"user lock$"),
        (LOCK, "table flush", r"waiting for table flush"),
        (LOCK, "query cache lock", r"waiting (for|on) query cache"),
        ("Timeout", "sleep", r"user sleep$"),
        ("Client", "send", r"(sending to client|writing to net)"),
        ("Client", "receive", r"(reading from net|receiving from client)"),
        ("IO", "open tables", r"(opening|closing) tables?$"),
        ("IO", "temporary table on disk", r"(copying to tmp table on disk|converting heap to)"),
        ("IO", "commit", r"(commit$|committing|waiting for handler commit|waiting for binlog|flushing)"),
        ("IO", "group commit", r"waiting for prior transaction"),
        ("Replication", "acknowledgement", r"waiting for semi-?sync"),
        ("Replication", "order of commits", r"waiting for (preceding|dependent)"),
    )
)
_OTHER = re.compile(r"waiting (?:for|on|to) (.+)$", re.IGNORECASE)


@lru_cache(maxsize=512)
def wait_of(state: str) -> tuple[str, str]:
    """The class of a wait and its name, both "" for a state in which a thread works.

    The states: https://mariadb.com/kb/en/general-thread-states/ and 10.14 of MySQL's manual.
    """
    lock = _LOCKS.match(state)
    if lock is not None:
        return LOCK, lock[1].lower()
    for wait_class, wait, pattern in _WORDS:
        if pattern.match(state):
            return wait_class, wait
    other = _OTHER.match(state)
    return ("Other", other[1].lower()) if other is not None else ("", "")

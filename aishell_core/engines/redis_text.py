"""Reading what Redis writes: INFO, lists of clients, pairs in both versions of the protocol; all pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

Fields = Mapping[str, str]
"""Texts by name; a text is always proper Unicode."""


def readable(value: object) -> str:
    """A name or text as proper Unicode; bytes that are none become escapes, so that two names never look alike."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def info_of(text: bytes | str) -> dict[str, str]:
    """The fields of an answer to INFO or CLUSTER INFO; headings and what is no field are left out."""
    found: dict[str, str] = {}
    for line in readable(text).splitlines():
        name, colon, value = line.partition(":")
        if colon and not name.startswith("#"):
            found[name] = value
    return found


def pairs_in(text: str, separator: str = ",") -> dict[str, str]:
    """`keys=1,expires=0` as fields; where a name is given twice, the last one counts."""
    found: dict[str, str] = {}
    for part in text.split(separator):
        name, equals, value = part.partition("=")
        if equals:
            found[name] = value
    return found


def named(fields: Fields, prefix: str) -> Iterator[tuple[str, str]]:
    """The fields whose name begins with a prefix, with the rest of the name."""
    cut = len(prefix)
    return ((name[cut:], value) for name, value in fields.items() if name.startswith(prefix))


def number(fields: Fields, name: str) -> float | None:
    """The number of a field; None where it is not there, no number, or an unsigned one that ran below zero."""
    text = fields.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if -(2.0**63) < value < 2.0**63 else None


def mapping_of(reply: object) -> dict[str, object]:
    """Pairs by name: a map of RESP3, or a flat list of names and values of RESP2; empty for anything else."""
    if isinstance(reply, Mapping):
        return {readable(name): value for name, value in reply.items()}
    if isinstance(reply, list | tuple):
        return {readable(name): value for name, value in zip(reply[::2], reply[1::2], strict=False)}
    return {}


def clients_of(text: bytes | str) -> Iterable[Fields]:
    """The clients of an answer to CLIENT LIST; no value of it holds a space."""
    for line in readable(text).splitlines():
        if line:
            yield pairs_in(line, " ")


def epoch_of(info: Fields) -> float | None:
    """When the server started, in epoch seconds; None where it does not tell.

    `server_time_usec` and `uptime_in_seconds` are of one moment, so that their difference is the same at every look.
    The server keeps whole seconds; the part of the second comes from `run_id`, which is new in each life, so that two
    lives within one second are told apart by everybody in the same way.
    """
    now, uptime = number(info, "server_time_usec"), number(info, "uptime_in_seconds")
    if now is None or uptime is None:
        return None
    run = info.get("run_id", "")
    try:
        part = int(run[:8], 16) / 2.0**32
    except ValueError:
        part = 0.0
    return now // 1_000_000 - uptime + round(part * 0.999, 3)

"""Reading the audit log for people: each attempt with its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from aishell_core.errors import StateError
from aishell_core.safety.audit_folder import AuditFolder, Segment
from aishell_core.safety.audit_record import Field, Record, decode


@dataclass(frozen=True, slots=True)
class Entry:
    """One attempt; `result` is "" where none is written down: it still runs, was cut off, or was not allowed.

    `at` is in epoch seconds, `seconds` how long it took, None where that is not known.
    """

    sequence: int
    at: float
    user: str
    sudo_user: str
    login_user: str
    host: str
    tty: str
    ssh_client: str
    role: str
    target: str
    database: str
    engine: str
    environment: str
    actions: tuple[str, ...]
    subject: str
    count: int
    statement: str
    risk: str
    reasons: tuple[str, ...]
    confirmation: str
    decision: str
    why: str
    result: str = ""
    code: str = ""
    affected: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The attempts, the oldest first, and how many lines are no records and were left out."""

    entries: tuple[Entry, ...] = ()
    strange_lines: int = 0


def read_audit(state: Path, *, since: float = 0.0, target: str = "") -> Reading:
    """The attempts since a moment (epoch seconds), of one target or of all; raises StateError where they cannot be read."""
    folder = AuditFolder(state)
    try:
        keys = folder.keys()
        if keys is None:
            return Reading()
        entries: dict[int, Entry] = {}
        strange = 0
        for line in _lines(_recent(folder.segments(), since)):
            record = decode(line, keys)
            if record is None:
                strange += 1
                continue
            _take(record, entries)
    except OSError as error:
        raise StateError(
            f"the audit log in {folder.segments_folder} cannot be read: {error.strerror or error}", "run it as its owner"
        ) from error
    return Reading(tuple(entry for entry in entries.values() if entry.at >= since and target in {"", entry.target}), strange)


def _recent(segments: tuple[Segment, ...], since: float) -> tuple[Segment, ...]:
    """The segments that may hold something since a moment: the last one that was begun before its day, and those after it."""
    day = datetime.fromtimestamp(max(0.0, since), UTC).strftime("%Y-%m-%d")
    older = [place for place, segment in enumerate(segments) if segment.day < day]
    return segments[older[-1] :] if older else segments


def _lines(segments: tuple[Segment, ...]) -> Iterator[bytes]:
    for segment in segments:
        with segment.path.open("rb") as file:
            for line in file:
                yield line.removesuffix(b"\n")


def _take(record: Record, entries: dict[int, Entry]) -> None:
    fields = record.fields
    if fields.get("event") == "attempt":
        entries[record.sequence] = _entry(record)
        return
    attempt = fields.get("attempt")
    if isinstance(attempt, int) and attempt in entries:
        affected, milliseconds = fields.get("affected"), fields.get("milliseconds")
        entries[attempt] = replace(
            entries[attempt],
            result=_text(fields, "result"),
            code=_text(fields, "code"),
            affected=affected if isinstance(affected, int) else None,
            seconds=milliseconds / 1000 if isinstance(milliseconds, int | float) else None,
        )


def _entry(record: Record) -> Entry:
    fields = record.fields
    count = fields.get("count")
    return Entry(
        sequence=record.sequence,
        at=_moment(_text(fields, "time")),
        user=_text(fields, "user"),
        sudo_user=_text(fields, "sudo_user"),
        login_user=_text(fields, "login_user"),
        host=_text(fields, "host"),
        tty=_text(fields, "tty"),
        ssh_client=_text(fields, "ssh_client"),
        role=_text(fields, "role"),
        target=_text(fields, "target"),
        database=_text(fields, "database"),
        engine=_text(fields, "engine"),
        environment=_text(fields, "environment"),
        actions=_texts(fields, "actions"),
        subject=_text(fields, "subject"),
        count=count if isinstance(count, int) else 1,
        statement=_text(fields, "statement"),
        risk=_text(fields, "risk"),
        reasons=_texts(fields, "reasons"),
        confirmation=_text(fields, "confirmation"),
        decision=_text(fields, "decision"),
        why=_text(fields, "why"),
    )


def _moment(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()


def _text(fields: Mapping[str, Field], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _texts(fields: Mapping[str, Field], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    return tuple(str(part) for part in value) if isinstance(value, list) else ()

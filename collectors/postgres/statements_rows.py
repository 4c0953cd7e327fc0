"""Counted statements: rows of `statements` to values. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from aishell_core import catalogue
from aishell_core.engines.postgres import Row
from aishell_core.values import Sample, Statement
from collectors.query_files import TAG

HEAVIEST = 20
"""So many statements have series of their own."""

Entry = tuple[int, str, str, bool]
"""What the server counts by: the statement's identifier, the object ids of role and database, and whether a client sent it
itself (True) or a function ran it."""


class EntryNames:
    """The digest of each entry, the same for as long as it is counted.

    The first entry of a statement has its identifier as digest; more of them, by other roles or in other databases, have
    these behind it.
    """

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, str, bool]] = {}

    def of(self, identifier: str, user: str, database: str, by_client: bool = True) -> str:
        """The digest of an entry; the first one that is asked for is the first one."""
        return self._name(self._first.setdefault(identifier, (user, database, by_client)), identifier, user, database, by_client)

    def seen(self, identifier: str, user: str, database: str) -> str:
        """The digest of what a session runs, which need not be counted yet."""
        return self._name(self._first.get(identifier, (user, database, True)), identifier, user, database, by_client=True)

    def keep(self, identifiers: Container[str]) -> None:
        """Forget the statements of which no entry is left."""
        self._first = {identifier: first for identifier, first in self._first.items() if identifier in identifiers}

    def _name(self, first: tuple[str, str, bool], identifier: str, user: str, database: str, by_client: bool) -> str:
        if first == (user, database, by_client):
            return identifier
        return f"{identifier}@{user}.{database}" + ("" if by_client else " in functions")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is needed to read the rows: names by object id, texts by identifier, and how the server counts."""

    roles: Mapping[str, str]
    databases: Mapping[str, str]
    texts: Mapping[int, str]
    block_bytes: float = 8192.0
    io_timed: bool = False


def entry_of(row: Row) -> Entry:
    """What a row counts."""
    return (row["queryid"], row["userid"], row["dbid"], row["toplevel"])


def is_own(text: str) -> bool:
    """Whether a statement is one of ours."""
    return TAG in text


def statements_of(rows: Iterable[Row], meaning: Meaning, names: EntryNames, before: Mapping[Entry, Statement]) -> dict[Entry, Statement]:
    """Statements by what they count, without those of other roles where they are hidden and without ours.

    A statement of `before` that was not called since is the same object again, so that whoever compares has little to do.
    """
    found = {}
    for row in rows:
        if row["queryid"] is None:
            continue
        entry = entry_of(row)
        text = meaning.texts.get(row["queryid"], "")
        if is_own(text):
            continue
        old = before.get(entry)
        if old is not None and old.calls == row["calls"] and old.total_milliseconds == row["total_exec_time"] and old.text == text:
            found[entry] = old
        else:
            found[entry] = _statement(row, entry, text, meaning, names)
    return found


def _statement(row: Row, entry: Entry, text: str, meaning: Meaning, names: EntryNames) -> Statement:
    user, database = meaning.roles.get(row["userid"], row["userid"]), meaning.databases.get(row["dbid"], row["dbid"])
    return Statement(
        digest=names.of(str(entry[0]), user, database, entry[3]),
        text=text,
        calls=float(row["calls"]),
        total_milliseconds=row["total_exec_time"],
        max_milliseconds=row["max_exec_time"],
        rows=float(row["rows"]),
        temp_bytes=row["temp_blks_written"] * meaning.block_bytes,
        database=database,
        user=user,
        blocks_hit=float(row["shared_blks_hit"]),
        blocks_read=float(row["shared_blks_read"]),
        wal_bytes=row["wal_bytes"],
        io_milliseconds=row["io_milliseconds"] if meaning.io_timed else None,
        counted_since=row.get("counted_since"),
    )


def statement_samples(statements: Iterable[Statement]) -> tuple[Sample, ...]:
    """Calls and time of the heaviest statements, by digest."""
    heaviest = sorted(statements, key=lambda one: (-one.total_milliseconds, one.digest))[:HEAVIEST]
    return tuple(
        Sample(metric, value, (("digest", one.digest),))
        for one in heaviest
        for metric, value in ((catalogue.STATEMENT_CALLS, one.calls), (catalogue.STATEMENT_TIME, one.total_milliseconds))
    )

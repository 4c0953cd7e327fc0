"""Counted and estimated statements: rows of `digests` and sessions to values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aishell_core import catalogue
from aishell_core.engines.mysql import Row
from aishell_core.values import Sample, Statement
from collectors.mysql.activity_rows import Look
from collectors.mysql.statements_digests import DigestNames
from collectors.query_files import TAG
from collectors.statements_sampled import SeenCall

HEAVIEST = 20
"""So many statements have series of their own."""


def statement_of(row: Row, texts: Mapping[str, str], names: DigestNames, before: Mapping[str, Statement]) -> Statement | None:
    """The statement of a row, the same object again where it was not called since; None for one of ours.

    `texts` are those that are known by the server's digest, "" for one of ours.
    """
    text = texts.get(row["digest"])
    if text == "":
        return None
    database = row["db"] or ""
    digest = names.entry(row["digest"], database)
    old = before.get(digest)
    if old is not None and old.calls == row["calls"] and old.total_milliseconds == row["total_milliseconds"] and old.text == (text or ""):
        return old
    return Statement(
        digest=digest,
        text=text or "",
        calls=float(row["calls"]),
        total_milliseconds=float(row["total_milliseconds"]),
        max_milliseconds=_number(row["max_milliseconds"]),
        p95_milliseconds=_number(row["p95_milliseconds"]),
        rows=_number(row["row_count"]),
        errors=_number(row["errors"]),
        database=database,
    )


def calls_seen(looked: Iterable[Look]) -> tuple[SeenCall, ...]:
    """The statements that sessions run at a moment, for estimates where the server counts none.

    What an idle session ran last is known only where performance_schema tells it.
    """
    return tuple(
        SeenCall(
            (thread.id, session.started_at),
            (thread.statement, session.text) if thread.statement is not None else session.text,
            thread.seconds if thread.runs else thread.ran_seconds,
            not thread.runs,
            session.digest if session.text and TAG not in session.text else "",
            session.text,
            session.database,
            session.user,
        )
        for thread, _, session in looked
        if not session.kind
    )


def statement_samples(statements: Iterable[Statement]) -> tuple[Sample, ...]:
    """Calls and time of the heaviest statements, by digest."""
    heaviest = sorted(statements, key=lambda one: (-one.total_milliseconds, one.digest))[:HEAVIEST]
    return tuple(
        Sample(metric, value, (("digest", one.digest),))
        for one in heaviest
        for metric, value in ((catalogue.STATEMENT_CALLS, one.calls), (catalogue.STATEMENT_TIME, one.total_milliseconds))
    )


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)

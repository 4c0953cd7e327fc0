"""The values of a statement's detail: its text, figures, latency, and who runs it. Pure."""

from __future__ import annotations

import json
import math
from array import array
from functools import lru_cache

from aishell_core.catalogue import STATEMENT_CALLS, STATEMENT_TIME
from aishell_core.engines.statement_text import digest, normalise
from aishell_core.series.keys import SeriesKey
from aishell_core.state.history import History
from aishell_core.units import format_bytes, format_count, format_duration, format_value
from aishell_core.values import Session, Statement, Unit
from aishell_tui.frame import TargetView
from aishell_tui.latency_book import LatencyBook
from aishell_tui.look import Look
from aishell_tui.screens.health_data import last_known, series_buckets
from aishell_tui.session_list import is_active, is_idle_in_transaction
from aishell_tui.text import span_text
from widgets.chart import ChartData
from widgets.lines import Span, Spans

_ASKED_CHARACTERS = 300
_RESERVED = frozenset(
    {
        *("ALL", "AND", "ANY", "AS", "ASC", "BETWEEN", "BY", "CASE", "CROSS", "DELETE", "DESC", "DISTINCT", "ELSE", "END", "EXCEPT"),
        *(
            "EXISTS",
            "FETCH",
            "FOR",
            "FROM",
            "FULL",
            "GROUP",
            "HAVING",
            "IN",
            "INNER",
            "INSERT",
            "INTERSECT",
            "INTO",
            "IS",
            "JOIN",
            "LATERAL",
        ),
        *("LEFT", "LIKE", "LIMIT", "NATURAL", "NOT", "NULL", "OFFSET", "ON", "OR", "ORDER", "OUTER", "RECURSIVE", "RETURNING", "RIGHT"),
        *("SELECT", "SET", "THEN", "UNION", "UPDATE", "USING", "VALUES", "WHEN", "WHERE", "WITH"),
    }
)


def formatted(sql: str) -> str:
    """The statement on several lines; as it is where it cannot be read."""
    if sql.startswith("{"):
        # A command that is a document: one field below the other.
        try:
            return json.dumps(json.loads(sql), indent=2, ensure_ascii=False)
        except ValueError:
            return sql
    import sqlparse  # 20 ms that only this screen needs

    if len(sql) > 20_000:
        return sql
    laid_out = str(sqlparse.format(sql, reindent=True)).strip()
    tokens = (token for statement in sqlparse.parse(laid_out) for token in statement.flatten())  # type: ignore[no-untyped-call]
    return "".join(_written(token.value, is_keyword=token.is_keyword) for token in tokens) or sql


def _written(text: str, *, is_keyword: bool) -> str:
    """Words that no table or column can be named by in capitals; the parser takes names such as events for keywords too."""
    return text.upper() if is_keyword and all(word in _RESERVED for word in text.upper().split()) else text


def latency_data(
    view: TargetView, statement: Statement, seen: LatencyBook, history: History | None, look: Look, now: float, count: int
) -> ChartData:
    """Mean milliseconds per call over the window that is looked at: time spent divided by calls, bucket by bucket.

    Only the heaviest statements of all time have series of their own; `seen` knows those that were heavy lately. Of one that
    is sampled nobody knows a mean: its time is divided by those calls that happened to be seen.
    """
    title, span = "mean latency of this statement", span_text(look.span_seconds)
    labels = (("digest", statement.digest),)
    window = look.window(now)
    if statement.sampled:
        step = (window[1] - window[0]) / count
        unknown = array("d", [math.nan] * count)
        return ChartData(f"{title}: n/a, not all calls are seen", Unit.MILLISECONDS, unknown, window[0], step, span_text=span)
    spent = series_buckets(SeriesKey(STATEMENT_TIME, labels), view.snapshot, history, window, count)
    calls = series_buckets(SeriesKey(STATEMENT_CALLS, labels), view.snapshot, history, window, count)
    mean = array("d", (time / rate if rate > 0 else math.nan for time, rate in zip(spent.mean, calls.mean, strict=True)))
    mean = seen.fill(statement, mean, spent.start, spent.step_seconds)
    known = last_known(mean)
    now_text = format_value(known, Unit.MILLISECONDS)
    return ChartData(title, Unit.MILLISECONDS, mean, start=spent.start, step_seconds=spent.step_seconds, span_text=span, now_text=now_text)


def summary_line(statement: Statement, share: float | None) -> Spans:
    """The figures of a statement in one line, each with its unit; those that the engine does not know are left out."""
    calls, sign = statement.calls, "~" if statement.sampled else ""
    parts: list[tuple[str, str]] = [
        ("of time", sign + format_value(share, Unit.RATIO)),
        ("calls seen" if statement.sampled else "calls", format_count(calls)),
    ]
    if not statement.sampled:
        parts.append(("mean", format_duration(statement.total_milliseconds / calls / 1000) if calls else "n/a"))
    optional = (("p95", statement.p95_milliseconds, Unit.MILLISECONDS), ("max", statement.max_milliseconds, Unit.MILLISECONDS))
    parts += [(label, format_value(value, unit)) for label, value, unit in optional if value is not None]
    if statement.rows is not None and calls:
        parts.append(("rows/call", format_count(statement.rows / calls)))
    if statement.hit_ratio is not None:
        parts.append(("hit", format_value(statement.hit_ratio, Unit.RATIO)))
    if statement.temp_bytes and calls:
        parts.append(("temp/call", format_bytes(statement.temp_bytes / calls)))
    if statement.errors:
        parts.append(("errors", format_count(statement.errors)))
    spans: list[Span] = [(" sampled ", "warning")] if statement.sampled else []
    for label, value in parts:
        spans += [(f" {value}", "bold"), (f" {label} ", "label")]
    return tuple(spans)


@lru_cache(maxsize=4096)
def _digest_of(text: str) -> str:
    return digest(normalise(text))


def runs(session: Session, statement: Statement) -> bool:
    """Whether a session runs a statement now: by the digest that the server tells, else by its text."""
    if not session.text:
        return False
    if session.digest and session.digest == statement.digest:
        return not (session.database and statement.database) or session.database == statement.database
    return session.text == statement.text or (not session.digest and _digest_of(session.text) == statement.digest)


def running(sessions: tuple[Session, ...] | None, statement: Statement) -> tuple[Session, ...]:
    """The sessions that run a statement now, the longest first, then those that still keep the transaction in which they ran it."""
    found = [each for each in sessions or () if _is_at_work(each) and runs(each, statement)]
    return tuple(sorted(found, key=lambda each: (is_idle_in_transaction(each), -(_seconds(each) or 0.0))))


def _is_at_work(session: Session) -> bool:
    return is_active(session) or is_idle_in_transaction(session) or session.statement_seconds is not None


def _seconds(session: Session) -> float | None:
    """How long it has run its statement, or has been idle after it."""
    return session.state_seconds if is_idle_in_transaction(session) else session.statement_seconds


def runner_lines(sessions: tuple[Session, ...]) -> tuple[Spans, ...]:
    """Who runs a statement, a line each."""
    if not sessions:
        return (((" nobody runs it at this moment", "dim"),),)
    return tuple(
        (
            (f" {session.id}", "bold"),
            (f"  {session.user}@{session.client or 'local'}  {session.application}  {session.state}", "text"),
            ("" if (seconds := _seconds(session)) is None else f"  for {format_duration(seconds)}", "label"),
            (f"  waits for {session.wait}" if session.wait and not is_idle_in_transaction(session) else "", "warning"),
        )
        for session in sessions
    )


def effects(statement: Statement, deadline_seconds: float) -> tuple[str, ...]:
    """What is run to measure a plan, and what that does."""
    text = " ".join(statement.text.split())
    return (
        text if len(text) <= _ASKED_CHARACTERS else text[:_ASKED_CHARACTERS] + "…",
        f"It runs in a read-only transaction for at most {format_duration(deadline_seconds)}, which is then rolled back. "
        "It takes the time, memory and disk reads that the statement takes.",
    )

"""Counted and estimated statements: rows of `statements` and sessions to values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aishell_core import catalogue
from aishell_core.engines.oracle import Row
from aishell_core.values import Sample, Statement
from collectors.oracle.activity_rows import Looked
from collectors.query_files import TAG
from collectors.statements_sampled import SeenCall

HEAVIEST = 20
"""So many statements have series of their own."""


def statement_of(row: Row, text: str, containers: Mapping[int, str]) -> Statement:
    """One statement of the shared pool. Its parallel workers count too, so that its time may be longer than it took."""
    gets, reads = float(row["buffer_gets"] or 0.0), float(row["disk_reads"] or 0.0)
    return Statement(
        digest=str(row["sql_id"]),
        text=text,
        calls=float(row["executions"] or 0.0),
        total_milliseconds=float(row["elapsed_milliseconds"] or 0.0),
        rows=float(row["rows_processed"] or 0.0),
        database=containers.get(int(row["con_id"] or 0), ""),
        blocks_hit=max(0.0, gets - reads),
        blocks_read=reads,
        io_milliseconds=float(row["io_milliseconds"] or 0.0),
    )


def calls_seen(looked: Iterable[Looked]) -> tuple[SeenCall, ...]:
    """The statements that sessions run at a moment, for estimates where those of the shared pool may not be read."""
    return tuple(
        SeenCall(
            one.session.id,
            (one.row["sql_id"], one.row["sql_exec_id"], one.row["sql_exec_start"]),
            one.session.statement_seconds,
            False,
            str(one.row["sql_id"] or "") if TAG not in one.session.text else "",
            one.session.text,
            one.session.database,
            one.session.user,
        )
        for one in looked
        if one.is_client and not one.own and one.row["status"] == "ACTIVE"
    )


def statement_samples(statements: Iterable[Statement]) -> tuple[Sample, ...]:
    """Calls and time of the heaviest statements, by digest."""
    heaviest = sorted(statements, key=lambda one: (-one.total_milliseconds, one.digest))[:HEAVIEST]
    return tuple(
        Sample(metric, value, (("digest", one.digest),))
        for one in heaviest
        for metric, value in ((catalogue.STATEMENT_CALLS, one.calls), (catalogue.STATEMENT_TIME, one.total_milliseconds))
    )

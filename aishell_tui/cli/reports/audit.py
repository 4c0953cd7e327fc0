"""What `aishell audit` prints."""

from __future__ import annotations

from collections.abc import Sequence

from aishell_core.safety.audit_reading import Entry, Reading
from aishell_core.safety.audit_verify import Verification
from aishell_core.units import format_duration
from aishell_tui.cli.audit_shapes import AuditDamageRow, AuditReport, AuditRow, AuditVerifyReport
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.terminal import cell_width, fit, line_width, printable, table

_TITLES = ("NUMBER", "TIME", "USER", "ROLE", "TARGET", "ACTION", "RISK", "DECISION", "RESULT", "TOOK", "STATEMENT")
_WHOLE = (0, 1, 9)
"""Columns of figures and times, which are never cut."""
_LEAST_STATEMENT = 30
_MOST_UNFINISHED = 10


def show_report(reading: Reading) -> AuditReport:
    """The attempts as scripts get them."""
    return AuditReport(tuple(_row(entry) for entry in reading.entries), reading.strange_lines)


def _row(entry: Entry) -> AuditRow:
    return AuditRow(
        sequence=entry.sequence,
        at=utc_text(entry.at),
        user=entry.user,
        sudo_user=entry.sudo_user,
        login_user=entry.login_user,
        host=entry.host,
        tty=entry.tty,
        ssh_client=entry.ssh_client,
        role=entry.role,
        target=entry.target,
        database=entry.database,
        engine=entry.engine,
        environment=entry.environment,
        actions=entry.actions,
        subject=entry.subject,
        count=entry.count,
        statement=entry.statement,
        risk=entry.risk,
        reasons=entry.reasons,
        confirmation=entry.confirmation,
        decision=entry.decision,
        why=entry.why,
        result=entry.result,
        code=entry.code,
        affected=entry.affected,
        seconds=entry.seconds,
    )


def show_text(reading: Reading) -> str:
    """The attempts as people get them, one on each line, and below a refused one why."""
    if not reading.entries:
        lines = ["no attempt is recorded here"]
    else:
        lines = _lines(reading.entries)
    if reading.strange_lines:
        lines.append(f"{reading.strange_lines} lines are no records; aishell audit verify says what is wrong")
    return "\n".join(lines)


def _lines(entries: Sequence[Entry]) -> list[str]:
    """The table; where too little room is left for statements, each stands below its row."""
    cells = [_cells(entry) for entry in entries]
    narrow = table(_TITLES[:-1], (row[:-1] for row in cells), _WHOLE).splitlines()
    below = max(map(cell_width, narrow)) + _LEAST_STATEMENT > line_width()
    heading, *rows = narrow if below else table(_TITLES, cells, _WHOLE).splitlines()
    lines = [heading]
    for entry, row, line in zip(entries, cells, rows, strict=True):
        lines.append(line)
        if below:
            lines.append(f"  {fit(printable(row[-1]), line_width() - 2)}")
        if entry.why:
            lines.append(f"  {printable(entry.why)}")
    return lines


def _cells(entry: Entry) -> tuple[str, ...]:
    user = f"{entry.user} (sudo by {entry.sudo_user})" if entry.sudo_user else entry.user
    result = f"{entry.result} ({entry.code})" if entry.code else entry.result
    if not result and entry.decision == "allowed":
        result = "no result"
    took = "" if entry.seconds is None else format_duration(entry.seconds)
    action = entry.actions[-1] if entry.actions else ""
    statement = " ".join(part for part in (entry.subject, entry.statement) if part)
    return (
        str(entry.sequence),
        utc_text(entry.at),
        user,
        entry.role,
        _where(entry),
        action,
        entry.risk,
        entry.decision,
        result,
        took,
        statement,
    )


def _where(entry: Entry) -> str:
    """The target, and behind a slash the database where that says more."""
    return f"{entry.target}/{entry.database}" if entry.database not in {"", entry.target} else entry.target


def verify_report(found: Verification) -> AuditVerifyReport:
    """What was found as scripts get it."""
    damage = tuple(AuditDamageRow(str(each.file), each.line or None, each.what) for each in found.damage)
    return AuditVerifyReport(
        not damage,
        found.records,
        found.segments,
        found.first_sequence,
        found.expired,
        found.last.sequence,
        found.last.mac,
        damage,
        found.remarks,
        found.unfinished,
    )


def verify_text(found: Verification) -> str:
    """What was found as people get it."""
    lines = [f"damage: {printable(str(each))}" for each in found.damage]
    lines += [f"remark: {printable(each)}" for each in found.remarks]
    if found.unfinished:
        more = f" and {len(found.unfinished) - _MOST_UNFINISHED} more" if len(found.unfinished) > _MOST_UNFINISHED else ""
        numbers = ", ".join(map(str, found.unfinished[:_MOST_UNFINISHED]))
        lines.append(f"remark: no result is written down for attempt {numbers}{more}: it still runs, or was cut off")
    if found.records:
        files = "1 file" if found.segments == 1 else f"{found.segments} files"
        state = "damaged" if found.damage else "whole"
        lines.append(f"{state}: {found.records} records in {files}, from {found.first_sequence} to {found.last.sequence}")
        if found.expired:
            gone = "record 1 has" if found.expired == 1 else f"records 1 to {found.expired} have"
            lines.append(f"{gone} been taken away because of age")
        lines.append(
            f"to check later that none of them was taken back: aishell audit verify --expect {found.last.sequence}:{found.last.mac}"
        )
    return "\n".join(lines)

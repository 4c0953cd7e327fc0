"""What `aishell alerts backtest` prints."""

from __future__ import annotations

from collections.abc import Iterator

from aishell_core.units import format_counted, format_duration, format_value
from aishell_core.values import Unit
from aishell_tui.cli.alert_trying_shapes import BacktestInstanceRow, BacktestReport, BacktestRuleRow
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.terminal import printable, table
from alerts.backtest import Backtest, RuleOutcome, Tally

_UNITS = {unit.value: unit for unit in Unit}
_MOST_NOTES = 5


def backtest_report(found: Backtest, asked_seconds: float) -> BacktestReport:
    """What came of it as scripts get it: the rules that would have fired most often first."""
    covered = found.covered
    outcomes = sorted(found.outcomes, key=lambda outcome: -outcome.fired)
    return BacktestReport(
        asked_seconds=asked_seconds,
        since=None if covered.since is None else utc_text(covered.since),
        until=None if covered.until is None else utc_text(covered.until),
        watched_seconds=covered.watched_seconds,
        fine_seconds=covered.fine_seconds,
        targets=tuple(str(traits.target) for traits in found.targets),
        rules=tuple(_rule(outcome) for outcome in outcomes),
    )


def _rule(outcome: RuleOutcome) -> BacktestRuleRow:
    judged, halved = outcome.judged, outcome.halved
    return BacktestRuleRow(
        name=outcome.rule.name,
        tried=outcome.is_tried,
        has_figures=outcome.has_figures,
        fired=outcome.fired,
        firing_seconds=outcome.firing_seconds,
        flips=outcome.flips,
        threshold=judged.threshold if judged else None,
        unit=judged.unit if judged else "",
        halving_threshold=halved.threshold if halved else None,
        halving_fired=halved.fired if halved else None,
        notes=outcome.notes,
        instances=tuple(map(_instance, outcome.tallies)),
    )


def _instance(tally: Tally) -> BacktestInstanceRow:
    return BacktestInstanceRow(
        target=str(tally.key.target),
        labels=dict(tally.key.labels),
        fired=tally.fired,
        firing_seconds=tally.firing_seconds,
        flips=tally.flips,
        worst=str(tally.worst or ""),
        last_fired_at=None if tally.last_fired_at is None else utc_text(tally.last_fired_at),
    )


def backtest_text(report: BacktestReport) -> str:
    """What came of it as people get it."""
    return "\n".join(_lines(report))


def _lines(report: BacktestReport) -> Iterator[str]:
    if report.since is None:
        yield "nothing is kept of this span: history comes with a dashboard that runs"
        return
    fired = [row for row in report.rules if row.fired]
    if fired:
        cells = [cell for row in fired for cell in _cells(row)]
        yield table(("RULE", "FIRED", "FIRING FOR", "FLIPS", "WORST", "THRESHOLD", "HALVED BY"), cells, (1, 2, 3))
    untried = sum(not row.tried for row in report.rules)
    quiet = sum(row.tried and row.has_figures and not row.fired for row in report.rules)
    blind = sum(row.tried and not row.has_figures for row in report.rules)
    yield f"{format_counted(quiet, 'rule')} would never have fired; of {format_counted(blind, 'other')} no figures are kept"
    if untried:
        are = "is" if untried == 1 else "are"
        yield f"{format_counted(untried, 'rule')} {are} for targets of a role, which is not kept: --rule NAME tries one on all targets"
    yield from _coverage(report)
    notes = dict.fromkeys(note for row in fired for note in row.notes)
    yield from (f"note: {note}" for note in list(notes)[:_MOST_NOTES])


def _coverage(report: BacktestReport) -> Iterator[str]:
    where = format_counted(len(report.targets), "target")
    coarse = report.watched_seconds - report.fine_seconds
    yield printable(
        f"{where} from {report.since} to {report.until}: {format_duration(report.watched_seconds)} of the"
        f" {format_duration(report.asked_seconds)} asked for were watched,"
        f" {format_duration(report.fine_seconds)} at full resolution, {format_duration(coarse)} in means of five minutes"
    )


def _cells(row: BacktestRuleRow) -> Iterator[tuple[str, ...]]:
    """A line for the rule, and below it one for each of its instances where they are several."""
    halved = ""
    if row.halving_threshold is not None:
        halved = f"{_figure(row.halving_threshold, row.unit)}: {row.halving_fired}"
    own = row.instances[0] if len(row.instances) == 1 else None
    name = f"{row.name} on {_place(own)}" if own else row.name
    worst = own.worst if own else ""
    yield (name, *_counts(row), worst, "" if row.threshold is None else _figure(row.threshold, row.unit), halved)
    if own is None:
        for instance in row.instances:
            yield (f"  {_place(instance)}", *_counts(instance), instance.worst, "", "")


def _counts(row: BacktestRuleRow | BacktestInstanceRow) -> tuple[str, str, str]:
    return str(row.fired), format_duration(row.firing_seconds), str(row.flips)


def _place(row: BacktestInstanceRow) -> str:
    own = ", ".join(f"{name}={text}" for name, text in row.labels.items())
    return f"{row.target or 'all targets'}{f' ({own})' if own else ''}"


def _figure(value: float, unit: str) -> str:
    known = _UNITS.get(unit)
    return f"{value:g}" if known is None else format_value(value, known)

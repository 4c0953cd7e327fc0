"""`python -m benchmarks`: run every measurement and write RESULTS.md."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import Section, machine, render

RESULTS = Path(__file__).with_name("RESULTS.md")
_PRINTED = ("benchmarks.widgets",)
"""Measurements that print a table of their own shape."""


def write_results(sections: Sequence[Section], path: Path | None, printed: str = "") -> None:
    """Print the tables, and keep them in a file when one is given."""
    text = render(sections, machine(), datetime.now(UTC).date().isoformat()) + printed
    print(text)
    if path is not None:
        path.write_text(text, encoding="utf-8")


def measure_all() -> tuple[Section, ...]:
    """Every table, one measurement after the other so that none disturbs another."""
    from benchmarks import alert_burst, alerts, backups, dashboard, engines, fleet, mysql, postgres, series, sqlite_access

    return (
        *dashboard.measure_all(),
        *postgres.measure_all(),
        *mysql.measure_all(),
        *engines.measure_all(),
        fleet.fleet_section(asyncio.run(fleet.measure())),
        series.series_section(),
        alerts.alerts_section(),
        alert_burst.burst_section(),
        *backups.measure_all(),
        *sqlite_access.measure_all(),
    )


def print_others() -> str:
    """What the other measurements print, as Markdown."""
    root = Path(__file__).parents[1]
    parts = []
    for module in _PRINTED:
        done = subprocess.run([sys.executable, "-m", module], cwd=root, capture_output=True, text=True, check=True)
        parts.append(f"\n## {module.partition('.')[2].capitalize()}\n\n`python -m {module}`\n\n```text\n{done.stdout.rstrip()}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    write_results(measure_all(), RESULTS, print_others())

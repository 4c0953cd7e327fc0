"""`python -m benchmarks [PART...]`: measure everything, or the parts that are named, and put their tables into RESULTS.md."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import Section, machine, merged, render

RESULTS = Path(__file__).with_name("RESULTS.md")


def write_results(sections: Sequence[Section], path: Path | None) -> None:
    """Print the tables, and keep them in a file when one is given, beside the tables of other parts that are in it."""
    text = render(sections, machine(), datetime.now(UTC).date().isoformat())
    print(text)
    if path is not None:
        path.write_text(merged(path.read_text(encoding="utf-8") if path.exists() else "", text), encoding="utf-8")


def _parts() -> dict[str, Callable[[], Sequence[Section]]]:
    from benchmarks import alert_burst, alerts, backups, dashboard, engines, fleet, mysql, postgres, series, sqlite_access

    return {
        "dashboard": dashboard.measure_all,
        "postgres": postgres.measure_all,
        "mysql": mysql.measure_all,
        "engines": engines.measure_all,
        "fleet": _alone(lambda: fleet.fleet_section(asyncio.run(fleet.measure()))),
        "series": _alone(series.series_section),
        "alerts": _alone(alerts.alerts_section),
        "alert_burst": _alone(alert_burst.burst_section),
        **{f"backups-{name}": _alone(section) for name, section in backups.SECTIONS.items()},
        "sqlite_access": sqlite_access.measure_all,
        "widgets": _widgets,
    }


def _alone(section: Callable[[], Section]) -> Callable[[], Sequence[Section]]:
    return lambda: (section(),)


def _widgets() -> tuple[Section, ...]:
    """A measurement that prints a table of its own shape."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.widgets"], cwd=RESULTS.parents[1], capture_output=True, text=True, check=True)
    return (Section("Widgets", "python -m benchmarks.widgets", (), printed=done.stdout.rstrip()),)


def main(wanted: Sequence[str]) -> int:
    """One part after the other, so that none disturbs another; each is kept as soon as it is measured."""
    parts = _parts()
    if unknown := [name for name in wanted if name not in parts]:
        print(f"benchmarks: there is no part {', '.join(unknown)}; the parts are {', '.join(parts)}", file=sys.stderr)
        return 64
    for name in wanted or parts:
        write_results(parts[name](), RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

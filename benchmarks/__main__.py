"""`python -m benchmarks`: run every measurement and write RESULTS.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import Section, machine, render

RESULTS = Path(__file__).with_name("RESULTS.md")


def write_results(sections: Sequence[Section], path: Path | None) -> None:
    """Print the tables, and keep them in a file when one is given."""
    text = render(sections, machine(), datetime.now(UTC).date().isoformat())
    print(text)
    if path is not None:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    from benchmarks.dashboard import measure_all

    write_results(measure_all(), RESULTS)

"""The table that a measurement ends in."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure in words, the bar it has to reach, whether it does (None: no bar), and the peer's figure beside it."""

    name: str
    measured: str
    bar: str = "–"
    reached: bool | None = None
    peer: str = "–"


@dataclass(frozen=True, slots=True)
class Section:
    """One table with the command that makes it and what has to be known to read it; `printed` is a table of another shape."""

    title: str
    command: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    peer_name: str = "peer"
    printed: str = ""


def bounded(name: str, value: float, bar: float, unit: str, *, digits: int = 1, peer: float | None = None) -> Figure:
    """A figure that must not exceed its bar."""
    shown = f"{value:.{digits}f} {unit}"
    return Figure(name, shown, f"≤ {bar:g} {unit}", value <= bar, f"{peer:.{digits}f} {unit}" if peer is not None else "–")


def machine() -> str:
    """The machine and the versions that the figures were taken with."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("textual", "psutil"))
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}, {versions}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def render(sections: Sequence[Section], machine_line: str, date: str) -> str:
    """The results as Markdown."""
    return _document(machine_line, ["\n".join(_lines(section, date)) for section in sections])


def merged(old: str, new: str) -> str:
    """A document of results with the tables of a newer one in place of those of the same title; what is not there yet comes last.

    The newer one's line about the machine stands above: tables tell their own dates.
    """
    head, *_ = new.split(_HEADING, 1)
    tables = _tables(old) | _tables(new)
    return head.rstrip() + "\n" + "".join(f"{_HEADING}{text.rstrip()}\n" for text in tables.values())


_HEADING = "\n## "


def _tables(text: str) -> dict[str, str]:
    return {table.partition("\n")[0]: table for table in text.split(_HEADING)[1:]}


def _document(machine_line: str, tables: Sequence[str]) -> str:
    head = f"# Measured\n\nMade by `make bench`.\n\nMachine: {machine_line}.\n"
    return head + "".join(f"{_HEADING}{table}\n" for table in tables)


def _lines(section: Section, date: str) -> list[str]:
    lines = [section.title, "", f"`{section.command}`, {date}", ""]
    if section.printed:
        lines += ["```text", section.printed, "```"]
    if section.figures:
        lines += [f"| figure | aishell | bar | reached | {section.peer_name} |", "|---|---|---|---|---|"]
        lines += [_row(figure) for figure in section.figures]
    return [*lines, *([""] if section.notes else []), *(f"- {note}" for note in section.notes)]


def _row(figure: Figure) -> str:
    reached = {True: "yes", False: "**no**", None: "–"}[figure.reached]
    return f"| {figure.name} | {figure.measured} | {figure.bar} | {reached} | {figure.peer} |"

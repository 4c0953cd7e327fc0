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
    """One table with the command that makes it and what has to be known to read it."""

    title: str
    command: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    peer_name: str = "peer"


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
    lines = ["# Measured", "", f"Made by `make bench` on {date}.", "", f"Machine: {machine_line}.", ""]
    for section in sections:
        lines += [f"## {section.title}", "", f"`{section.command}`", ""]
        lines += [f"| figure | aishell | bar | reached | {section.peer_name} |", "|---|---|---|---|---|"]
        lines += [_row(figure) for figure in section.figures]
        lines += ["", *(f"- {note}" for note in section.notes), *([""] if section.notes else [])]
    return "\n".join(lines).rstrip() + "\n"


def _row(figure: Figure) -> str:
    reached = {True: "yes", False: "**no**", None: "–"}[figure.reached]
    return f"| {figure.name} | {figure.measured} | {figure.bar} | {reached} | {figure.peer} |"

"""What the command line hands to the dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aishell_core.targets import Target
from aishell_core.values import Thresholds


@dataclass(frozen=True, slots=True)
class DashboardOptions:
    """How the dashboard starts; `thresholds` holds only what the configuration changes, `notice` is one line to show at the start."""

    targets: tuple[Target, ...] = ()
    theme: str = "night"
    glyphs: str = "auto"
    color: str = "auto"
    interval_seconds: float = 1.0
    wall: bool = False
    read_only: bool = False
    mouse: bool = True
    thresholds: Mapping[str, Thresholds] = field(default_factory=dict)
    history: bool = True
    span_seconds: float = 900.0
    notice: str = ""

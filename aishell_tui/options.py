"""What the command line hands to the dashboard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aishell_core.targets import Target
from aishell_core.values import Thresholds

if TYPE_CHECKING:
    from aishell_tui.authority import Authority
    from aishell_tui.config.load import Configuration
    from alerts.ports import RuleSource


@dataclass(frozen=True, slots=True)
class DashboardOptions:
    """How the dashboard starts; `thresholds` holds only what the configuration changes, `notice` is one line to show at the start.

    `authorise` says who acts, when somebody does for the first time; without it nothing can be done, only looked at.
    `trouble` says what ails that which the dashboard has started for itself, "" while all is well. `rules` says where the rules
    of alerts come from, once the screen is there; without it there are no alerts. `reload` reads the configuration as it stands
    then, for backups and what is made by schedule; without it nothing is made by schedule, and backups are as they are where
    nothing is configured. `backup_folder` is where those go, instead of the user's own folder.
    """

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
    trouble: Callable[[], str] | None = field(default=None, compare=False)
    authorise: Callable[[], Authority] | None = field(default=None, compare=False)
    rules: Callable[[], RuleSource] | None = field(default=None, compare=False)
    reload: Callable[[], Configuration] | None = field(default=None, compare=False)
    backup_folder: Path | None = None

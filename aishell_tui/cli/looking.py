"""Reading the targets that a command was asked for."""

from __future__ import annotations

from aishell_core.clock import SystemClock
from aishell_core.units import parse_duration
from aishell_core.values import Tier
from aishell_tui.backup_watch import BackupWatch
from aishell_tui.cli.arguments import Choice, configuration, selected, tell_warnings
from aishell_tui.cli.reports.looked import Looked
from aishell_tui.oneshot import LookPlan, look_at, run
from aishell_tui.places import find_places
from collectors.contract import Demand
from collectors.registry import open_collector
from collectors.schedule import Schedule

JUDGED = (Tier.WARM, Tier.COLD)
"""The tiers that a state needs besides the hot one: what is judged in a dashboard comes from all three."""

_INTEGRITY_SECONDS = 300.0
_BRIEF_SECONDS = 3.0


def look(
    chosen: Choice,
    window: str,
    *,
    tiers: tuple[Tier, ...] = (),
    demand: Demand = frozenset(),
    rated: frozenset[Tier] = frozenset(),
    integrity: bool = False,
    brief: bool = False,
) -> Looked:
    """Read the targets that were asked for; raises UsageError and ConfigError, never an error of a target.

    What tiers in `rated` count has rates too, for which they are read twice. A `brief` look leaves out of the cold tier what takes
    longer than three seconds, as sizes do with very many tables.
    """
    seconds = 0.0 if window == "0" else parse_duration(window)
    loaded = configuration(chosen)
    targets = selected(chosen, loaded)
    tell_warnings(chosen, loaded)
    clock = SystemClock()
    backups = BackupWatch(targets, find_places().state, clock, lambda: loaded)
    if Tier.WARM in tiers:
        backups.read()
    deadlines = Schedule(cold_deadline_seconds=_BRIEF_SECONDS) if brief else Schedule()
    checking = _INTEGRITY_SECONDS if integrity else 0.0
    plan = LookPlan(tiers, demand, rated, max(0.0, seconds), loaded.thresholds, deadlines, checking, backups.samples, backups.failures)
    views = run(look_at(targets, plan, open_collector, clock))
    ordered = sorted(views, key=lambda view: -view.assessment.severity.rank)
    return Looked(tuple(ordered), clock.now(), loaded.thresholds)

"""What retention keeps of each target's backups, as the rules stand: told on the screen before anything goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aishell_core.units import format_duration
from aishell_ops.backups.models import Backup
from aishell_ops.backups.retain import anomaly_of, of_job
from aishell_ops.backups.retention import Policy, plan_retention
from aishell_tui.backup_settings import BackupSettings, Wish
from aishell_tui.backup_shelf import Copies


@dataclass(frozen=True, slots=True)
class Keeps:
    """The rules of the job that made a target's newest backup, in words ("" where they keep all), and how many they keep or let go."""

    rules: str
    kept: int
    going: int = 0


def keeps_of(copies: Iterable[Copies], settings: BackupSettings, now: float) -> dict[str, Keeps]:
    """What is kept of each target's database that was saved last; `copies` have the newest first. Raises ConfigError, UsageError."""
    by_target: dict[str, list[Backup]] = {}
    for each in copies:
        by_target.setdefault(each.backup.manifest.source.target, []).append(each.backup)
    found = {}
    for target, backups in by_target.items():
        newest = backups[0].manifest
        mine = of_job([one for one in backups if one.manifest.source.database == newest.source.database], newest.job)
        policy = settings.of(Wish(job=newest.job)).policy
        plan = plan_retention(mine, policy, now, anomaly=anomaly_of(mine))
        found[target] = Keeps(rules_text(policy), len(plan.kept), len(plan.removed))
    return found


def rules_text(policy: Policy) -> str:
    """The rules in words; "" where they keep all."""
    if policy.keeps_all:
        return ""
    words = [format_duration(policy.within_seconds)] if policy.within_seconds is not None else []
    counts = (("last", policy.last), ("daily", policy.daily), ("weekly", policy.weekly), ("monthly", policy.monthly))
    words += [f"{word} {count}" for word, count in (*counts, ("yearly", policy.yearly), ("at most", policy.at_most)) if count]
    return ", ".join(words)

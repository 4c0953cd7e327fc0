"""What one evaluation says of one instance of a rule."""

from __future__ import annotations

from typing import NamedTuple

from alerts.models import Health, InstanceKey, Level


class Judgement(NamedTuple):
    """How one instance stands now. `level` is that of the worst trigger that holds, None when none does.

    `is_clear` says that the rule's clear condition holds; without one, that no trigger does. `threshold` is what `value` was compared
    with, in `unit`; both None where the condition is no plain comparison. Without data or after an error there is no level, and
    `is_clear` is False: an unknown figure ends nothing. `is_over` says that it is missing for good: its target answers without it.
    """

    rule: str
    key: InstanceKey
    level: Level | None
    is_clear: bool
    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    health: Health = Health.OK
    reason: str = ""
    is_over: bool = False

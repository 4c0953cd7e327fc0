"""Whose alerts are about to fire: what such targets do is looked at before, so that the first message has its causes. Pure."""

from __future__ import annotations

from aishell_core.values import TargetId
from alerts.models import Health
from alerts.ports import AlertsView

FORESIGHT_SECONDS = 10.0
"""How long before an alert fires its target is looked at; a rule may well let a condition hold for a day."""


def about_to_fire(view: AlertsView, now: float) -> tuple[TargetId, ...]:
    """The targets of alerts that fire within some seconds of `now` (epoch seconds), if their condition goes on to hold.

    An alert without figures does not come nearer to firing, and one that is overdue is waited for no longer than that.
    """
    pending = [alert for alert in view.alerts if alert.phase.is_pending and alert.since is not None and alert.health is Health.OK]
    if not pending:
        return ()
    waits = {rule.name: rule.for_seconds for rule in view.book.rules}
    left = ((alert.key.target, (alert.since or 0.0) + waits[alert.rule] - now) for alert in pending if alert.rule in waits)
    return tuple(dict.fromkeys(target for target, seconds in left if abs(seconds) <= FORESIGHT_SECONDS))

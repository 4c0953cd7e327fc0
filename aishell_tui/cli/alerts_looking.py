"""aishell alerts list, show, history and silences: what the state database says, with or without a dashboard."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import UsageError
from aishell_tui.cli.arguments import ConfigOption, JsonOption, choice, complete_target, examples
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import say

if TYPE_CHECKING:
    # Loaded where it is used: --help and --version need none of it.
    from pathlib import Path

    from aishell_tui.cli.reports.alerts import Known
    from alerts.handling import Standing
    from alerts.models import Alert, AlertChange
    from alerts.rule import Rule
    from alerts.store.database import AlertStore

_MOST_CHANGES = 1000
_MOST_OF_ONE = 20
_MOST_DELIVERIES = 20
_MOST_NAMES = 100_000


def complete_alert(incomplete: str) -> list[str]:
    """The ids of alerts that begin with a word, for the shell."""
    from aishell_core.errors import AishellError

    try:
        with closing(_store()) as store:
            return [alert.fingerprint for alert in _standing(store).alerts if alert.fingerprint.startswith(incomplete)]
    except AishellError:
        return []


AlertArgument = Annotated[
    str,
    typer.Argument(
        metavar="ALERT", help="Its id or the beginning of it, or the name of its rule where that has one.", autocompletion=complete_alert
    ),
]
TargetFilter = Annotated[
    str,
    typer.Option(
        "--target",
        "-t",
        metavar="NAME",
        help="Of this target alone: a configured one, or one of which alerts are kept.",
        show_default=False,
        autocompletion=complete_target,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group of alerts."""
    app.command("list", epilog=examples("aishell alerts list", "aishell alerts list --level critical", "aishell alerts list --json"))(
        list_alerts
    )
    app.command("show", epilog=examples("aishell alerts show 3fb2a1c8", "aishell alerts show postgres-connections --json"))(show)
    app.command("history", epilog=examples("aishell alerts history --last 7d", "aishell alerts history 3fb2a1c8 --json"))(history)
    app.command("silences", epilog=examples("aishell alerts silences", "aishell alerts silences --json"))(silences)


def list_alerts(
    context: typer.Context,
    target: TargetFilter = "",
    level: Annotated[
        str, typer.Option("--level", metavar="LEVEL", help="Of this level and above: info, warning or critical.", show_default=False)
    ] = "",
    json: JsonOption = False,
) -> int:
    """What fires, pends or has just ended.

    Those that matter most stand first: firing, pending, resolved in the last minutes; muted ones behind others. The last
    line says who evaluates: a dashboard does, and this command shows what it found. An alert that is marked unjudged stands as
    it was left, because no open dashboard has its target.

    The exit code is the worst level of those listed that fire and are not muted: 0 none or info, 1 warning, 2 critical;
    3 when nobody evaluates, so that nothing is known. Whether a channel tells anybody does not matter: a rule with
    `channels: []` tells nobody and counts all the same.
    """
    import time

    from aishell_tui.cli.alert_names import check_target, own_rules
    from aishell_tui.cli.reports.alerts import alerts_report, alerts_text, state_of
    from aishell_tui.cli.reports.looked import exit_code

    least = _level(level)
    with closing(_store()) as store:
        check_target(store, target, choice(context))
        found = _standing(store)
        own = own_rules(store, found.evaluation, choice(context))
    shown = tuple(each for each in found.alerts if each.level.rank >= least and target in ("", each.key.target))
    now = time.time()
    found = replace(found, alerts=shown)
    say(to_json(alerts_report(found, shown, now, own)) if json else alerts_text(found, shown, now, own))
    return exit_code(state_of(found))


def _level(word: str) -> int:
    from aishell_core.documents.problems import nearest
    from alerts.models import Level

    if word and word not in set(Level):
        raise UsageError(f"{word!r} is no level", nearest(word, Level))
    return Level(word).rank if word else 0


def show(context: typer.Context, alert: AlertArgument, config: ConfigOption = None, json: JsonOption = False) -> int:
    """One alert with all that is known of it.

    Its value against the threshold, who has it, what may be behind it, what was seen when it fired, the first things to
    look at, who was told and what they answered, and what happened to it. One that is over is found for 30 days.
    """
    import time

    from aishell_tui.cli.reports.alert_details import alert_text
    from aishell_tui.cli.reports.alerts import alert_report

    with closing(_store()) as store:
        known = _known(store, alert, time.time(), choice(context, config).config)
    say(to_json(alert_report(known)) if json else alert_text(known, time.time()))
    return 0


def history(
    context: typer.Context,
    alert: Annotated[
        str, typer.Argument(metavar="[ALERT]", help="Of this alert alone.", show_default=False, autocompletion=complete_alert)
    ] = "",
    last: Annotated[str, typer.Option("--last", metavar="TIME", help="How far back, such as 2h or 7d.")] = "24h",
    target: TargetFilter = "",
    json: JsonOption = False,
) -> int:
    """What happened to alerts, newest first.

    Fired, changed its level, resolved, lost its data, acknowledged, silenced: kept for 30 days.
    """
    import time

    from aishell_core.units import parse_duration
    from aishell_tui.cli.alert_names import check_target
    from aishell_tui.cli.reports.alerts import history_report, history_text
    from alerts import handling

    now = time.time()
    since = now - parse_duration(last)
    with closing(_store()) as store:
        check_target(store, target, choice(context))
        one = _find(store, alert, now).fingerprint if alert else None
        found = handling.history(store, since, math.inf, limit=_MOST_NAMES if target else _MOST_CHANGES + 1, fingerprint=one)
    found = tuple(change for change in found if target in ("", change.after.key.target))
    is_truncated, found = len(found) > _MOST_CHANGES, found[:_MOST_CHANGES]
    say(to_json(history_report(found, since, now, is_truncated=is_truncated)) if json else history_text(found, is_truncated=is_truncated))
    return 0


def silences(json: JsonOption = False) -> int:
    """The silences that hold, or will."""
    import time

    from aishell_tui.cli.reports.alert_silences import silences_report, silences_text

    now = time.time()
    with closing(_store()) as store:
        found = _standing(store).silences
    say(to_json(silences_report(found, now)) if json else silences_text(found, now))
    return 0


def _store() -> AlertStore:
    from aishell_tui.places import find_places
    from alerts.store.database import AlertStore

    return AlertStore.open_to_read(find_places().state)


def _standing(store: AlertStore) -> Standing:
    from dataclasses import replace

    from aishell_core.clock import SystemClock
    from aishell_tui.places import find_places
    from alerts.desk import is_told_from_memory
    from alerts.handling import standing
    from alerts.lease import own_boot

    found = standing(store, SystemClock(), own_boot())
    if not is_told_from_memory(find_places().state):
        return found
    # Nothing is known of what it finds: no alert is said to stand unjudged, and nothing to be well.
    return replace(found, evaluation=replace(found.evaluation, is_alive=False, unjudged=(), is_in_memory=True))


def _find(store: AlertStore, name: str, now: float) -> Alert:
    """The alert that a name means, of those that there are or were in the last 30 days; raises UsageError."""
    from alerts import handling
    from alerts.store.change_rows import KEPT_SECONDS

    living = {alert.fingerprint: alert for alert in _standing(store).alerts}
    try:
        return handling.named(living, name)
    except UsageError:
        if any(alert.rule == name.strip() or alert.fingerprint.startswith(name.strip().lower()) for alert in living.values()):
            raise
    past: tuple[AlertChange, ...] = handling.history(store, now - KEPT_SECONDS, math.inf, limit=_MOST_NAMES)
    # The newest change of each says what the alert was last.
    return handling.named({change.after.fingerprint: change.after for change in reversed(past)} | living, name)


def _known(store: AlertStore, name: str, now: float, chosen: Path | None) -> Known:
    from aishell_tui.cli.reports.alerts import Known
    from alerts import handling
    from alerts.notify.outbox import ledger
    from alerts.store.change_rows import KEPT_SECONDS

    alert = _find(store, name, now)
    own = alert.fingerprint
    return Known(
        alert,
        _standing(store).evaluation,
        _rule(alert.rule, chosen),
        handling.evidence(store, alert),
        store.read(lambda connection: ledger(connection, own, _MOST_DELIVERIES), ()),
        handling.history(store, now - KEPT_SECONDS, math.inf, limit=_MOST_OF_ONE, fingerprint=own),
    )


def _rule(name: str, chosen: Path | None) -> Rule | None:
    """The rule as the configuration says it now; None where there is none of that name, or nothing can be read."""
    from aishell_core.documents.problems import InvalidConfigError
    from aishell_tui.config.alert_rules import read_rule_book
    from aishell_tui.config.load import load_config

    try:
        book = read_rule_book(load_config(chosen), with_secrets=False)
    except InvalidConfigError:
        return None
    return next((rule for rule in book.rules if rule.name == name), None)

"""What the screens of alerts share: taking on, giving back, silencing, the runbook, and the way to the charts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from aishell_core.errors import AishellError
from aishell_core.units import format_counted
from aishell_tui.alert_authority import quiet
from aishell_tui.look import at_moment
from aishell_tui.screens.alert_lines import runbook_of
from aishell_tui.screens.ask import AskScreen
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.choices import ChoiceScreen
from aishell_tui.silencing import CHOICES, end_of, matchers_of, new_identity
from aishell_tui.text import moment_text
from alerts import handling
from alerts.models import Alert
from alerts.rule import Rule
from alerts.store.database import AlertStore

_ACTS = frozenset({"acknowledge", "give_back", "silence"})
_END = "end:"
_LISTED = 6


class AlertActingScreen(DashboardScreen):
    """A screen of alerts on which they can be acted on, unless the session is read-only."""

    TAB = "alerts"
    OF_ONE_TARGET = False

    def chosen_alerts(self) -> tuple[Alert, ...]:
        """The alerts that a key means now: the marked ones, else the selected one."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What changes something is not offered in a read-only session."""
        return self._may_act if action in _ACTS else super().check_action(action, parameters)

    def withheld_actions(self) -> frozenset[str]:
        """The acts that a read-only session does not have."""
        return super().withheld_actions() | (frozenset() if self._may_act else _ACTS)

    @property
    def _may_act(self) -> bool:
        return self.dashboard.options.authorise is not None and not self.dashboard.look.read_only

    def rule_of(self, alert: Alert) -> Rule | None:
        """The rule of an alert, as it is in force here."""
        view = self.dashboard.frame.alerts
        return next((rule for rule in view.book.rules if rule.name == alert.rule), None) if view is not None else None

    def act(self, alerts: tuple[Alert, ...], verb: str, work: Callable[[AlertStore, Alert, str], object], done: str) -> None:
        """Do something to alerts as the person at the keyboard, each allowed and recorded, in the background; then say how it went.

        `work` gets the store, the alert and who does it, in the thread of the disk.
        """
        feed, authorise = self.dashboard.runtime.alerts, self.dashboard.options.authorise
        service = feed.service if feed is not None else None
        if service is None or authorise is None:
            self.say("the alerts are not there yet", bad=True)
            return
        authority = authorise()

        def all_of_it(store: AlertStore) -> None:
            for alert in alerts:
                subject = f"{verb} alert {alert.fingerprint} of {alert.rule}"
                quiet(authority, (str(alert.key.target),), subject, partial(work, store, alert, authority.actor.user))

        self.run_worker(self._do(service.with_store(all_of_it), done), group="alerts")

    async def _do(self, work: Awaitable[None], done: str) -> None:
        try:
            await work
        except AishellError as error:
            self.say_error(error)
        else:
            self.say(done)
            self.acted()

    def acted(self) -> None:
        """Something was done: what is shown of it may be read again."""

    def _fitting(self, wanted: Callable[[Alert], bool], why_none: str) -> tuple[Alert, ...]:
        """Those of the chosen alerts with which it can be done; why it cannot with any is said."""
        chosen = self.chosen_alerts()
        fitting = tuple(alert for alert in chosen if wanted(alert))
        if not fitting:
            self.say(why_none if chosen else "no alert is selected")
        return fitting

    def action_acknowledge(self) -> None:
        """Take the chosen alerts on, with a note."""
        alerts = self._fitting(lambda alert: alert.phase.is_active, "only an alert that fires can be taken on")
        if alerts:
            question = (*_listed(alerts), "A note for the others (may be empty):")
            self.app.push_screen(AskScreen("take on " + _counted(alerts), question), partial(self._acknowledge, alerts))

    def _acknowledge(self, alerts: tuple[Alert, ...], note: str | None) -> None:
        now = self.dashboard.runtime.now()

        def work(store: AlertStore, alert: Alert, user: str) -> object:
            return handling.acknowledge(store, alert.fingerprint, user, note or "", now)

        if note is not None:
            self.act(alerts, "acknowledge", work, f"taken on: {_counted(alerts)}")

    def action_give_back(self) -> None:
        """Give the chosen alerts back."""
        alerts = self._fitting(lambda alert: alert.acknowledgement is not None, "nobody has taken it on")

        now = self.dashboard.runtime.now()

        def work(store: AlertStore, alert: Alert, user: str) -> object:
            return handling.unacknowledge(store, alert.fingerprint, user, now)

        if alerts:
            self.act(alerts, "give back", work, f"given back: {_counted(alerts)}")

    def action_silence(self) -> None:
        """Ask until when, then why, and silence the chosen alerts; or end what silences them."""
        alerts = self._fitting(lambda _alert: True, "")
        view = self.dashboard.frame.alerts
        if not alerts or view is None:
            return
        holding = {name for alert in alerts for name in alert.silenced_by}
        ends = tuple(
            (f"{_END}{silence.id}", f"end the silence of {silence.author}" + (f": {silence.comment}" if silence.comment else ""))
            for silence in view.silences
            if silence.id in holding
        )
        self.app.push_screen(ChoiceScreen(f"silence {_counted(alerts)}", (*ends, *CHOICES)), partial(self._chosen_end, alerts))

    def _chosen_end(self, alerts: tuple[Alert, ...], choice: str | None) -> None:
        if choice is None:
            return
        if choice.startswith(_END):
            identity = choice.removeprefix(_END)
            self._end_silence(alerts, identity)
        elif choice == "own":
            question = ("For how long, or until what time of day? 90m, 2h, 3d, 18:00",)
            self.app.push_screen(AskScreen(f"silence {_counted(alerts)}", question), partial(self._own_end, alerts))
        else:
            self._own_end(alerts, choice)

    def _end_silence(self, alerts: tuple[Alert, ...], identity: str) -> None:
        now = self.dashboard.runtime.now()

        def work(store: AlertStore, _alert: Alert, user: str) -> object:
            return handling.end_silence(store, identity, user, now)

        silenced = tuple(alert for alert in alerts if identity in alert.silenced_by)[:1]
        self.act(silenced, f"end silence {identity} of", work, f"the silence {identity} is over")

    def _own_end(self, alerts: tuple[Alert, ...], said: str | None) -> None:
        if said is None:
            return
        now = self.dashboard.runtime.now()
        try:
            ends_at = end_of(said, datetime.fromtimestamp(now).astimezone())
        except AishellError as error:
            self.say_error(error)
            return
        question = (*_listed(alerts), f"until {moment_text(ends_at, now)} UTC. Why? (may be empty)")
        self.app.push_screen(AskScreen(f"silence {_counted(alerts)}", question), partial(self._silence, alerts, now, ends_at))

    def _silence(self, alerts: tuple[Alert, ...], now: float, ends_at: float, comment: str | None) -> None:
        def work(store: AlertStore, alert: Alert, user: str) -> object:
            identity = new_identity()
            return handling.silence(store, identity, matchers_of(alert), now, ends_at, author=user, comment=comment or "", now=now)

        if comment is not None:
            self.act(
                alerts,
                f"silence until {moment_text(ends_at, now)} UTC",
                work,
                f"silenced until {moment_text(ends_at, now)} UTC: {_counted(alerts)}",
            )

    def action_runbook(self) -> None:
        """Say where the runbook is, and copy that: a browser may be on another machine."""
        alerts = self._fitting(lambda _alert: True, "")
        if not alerts:
            return
        runbook = runbook_of(alerts[0], self.rule_of(alerts[0]))
        if runbook:
            self.app.copy_to_clipboard(runbook)
            self.say(f"runbook (copied): {runbook}")
        else:
            self.say(f"{alerts[0].rule} has no runbook; enter shows its first steps")

    def action_health(self) -> None:
        """Go to the moment on the charts of the alert's target."""
        alerts = self._fitting(lambda _alert: True, "")
        frame = self.dashboard.frame
        if alerts and frame.view(alerts[0].key.target) is not None:
            moment = alerts[0].fired_at or alerts[0].since or frame.at
            self.dashboard.change_look(at_moment(self.dashboard.look, alerts[0].key.target, moment, frame.at))
            self.dashboard.go("health", back="alerts")
        elif alerts:
            self.say(f"{alerts[0].key.target} is not watched here")


def _counted(alerts: tuple[Alert, ...]) -> str:
    return f"{alerts[0].rule} on {alerts[0].key.target}" if len(alerts) == 1 else format_counted(len(alerts), "alert")


def _listed(alerts: tuple[Alert, ...]) -> tuple[str, ...]:
    """Which alerts are meant, where it is several."""
    if len(alerts) == 1:
        return ()
    more = (f"and {len(alerts) - _LISTED} more",) if len(alerts) > _LISTED else ()
    return (*(f"{alert.rule} on {alert.key.target}" for alert in alerts[:_LISTED]), *more)

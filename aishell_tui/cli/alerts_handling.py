"""aishell alerts ack, unack, silence, extend and unsilence: what people do about alerts, with or without a dashboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from aishell_core.errors import UsageError
from aishell_tui.cli.alerts_looking import AlertArgument
from aishell_tui.cli.arguments import ConfigOption, JsonOption, choice, configuration, examples
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import printable, say

if TYPE_CHECKING:
    # Loaded where it is used: --help and --version need none of it.
    from pathlib import Path

    from aishell_tui.authority import Authority
    from alerts.models import Alert, Matcher, Silence
    from alerts.store.database import AlertStore

T = TypeVar("T")

_LONGEST_SECONDS = 366 * 86_400.0


def complete_silence(incomplete: str) -> list[str]:
    """The ids of silences that begin with a word, for the shell."""
    import time
    from contextlib import closing

    from aishell_core.errors import AishellError
    from aishell_tui.places import find_places
    from alerts.store import silence_rows
    from alerts.store.database import AlertStore

    try:
        with closing(AlertStore.open_to_read(find_places().state)) as store:
            found: tuple[Silence, ...] = store.read(lambda connection: silence_rows.load(connection, time.time()), ())
    except AishellError:
        return []
    return [silence.id for silence in found if silence.id.startswith(incomplete)]


SilenceArgument = Annotated[str, typer.Argument(metavar="SILENCE", help="Its id or the beginning of it.", autocompletion=complete_silence)]
ForOption = Annotated[str, typer.Option("--for", metavar="TIME", help="How long from its begin on, such as 2h or 3d.")]

ExtendOption = Annotated[str, typer.Option("--for", metavar="TIME", help="How long from now on, such as 2h or 3d.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the group of alerts."""
    app.command("ack", epilog=examples('aishell alerts ack 3fb2a1c8 --note "I restart the batch"'))(ack)
    app.command("unack", epilog=examples("aishell alerts unack 3fb2a1c8"))(unack)
    app.command(
        "silence",
        epilog=examples(
            'aishell alerts silence target=orders --for 2h --comment "moving house"',
            "aishell alerts silence 'alertname=~\"mysql-.*\"' environment=staging --for 1d",
            "aishell alerts silence target=orders severity!=critical --in 30m --for 1h",
        ),
    )(silence)
    app.command("extend", epilog=examples("aishell alerts extend 5d2e --for 1h"))(extend)
    app.command("unsilence", epilog=examples("aishell alerts unsilence 5d2e"))(unsilence)


def ack(
    context: typer.Context,
    alert: AlertArgument,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What you do about it.", show_default=False)] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Take an alert on, so that others know.

    The owner is your user of the operating system. It is told no further and escalates no further; it ends when the alert
    is resolved. Where roles are configured it takes one that may cancel statements on the alert's target.
    """
    from alerts import handling

    desk = _Desk.of(context, config)

    def work(store: AlertStore) -> Alert:
        return handling.acknowledge(store, alert, desk.user, note, desk.now)

    return _acted(desk.on_alert(alert, "acknowledge", work), json)


def unack(context: typer.Context, alert: AlertArgument, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Give an alert back.

    It escalates again where nobody takes it on.
    """
    from alerts import handling

    desk = _Desk.of(context, config)
    return _acted(desk.on_alert(alert, "give back", lambda store: handling.unacknowledge(store, alert, desk.user, desk.now)), json)


def silence(
    context: typer.Context,
    matchers: Annotated[
        list[str], typer.Argument(metavar="MATCHER...", help="What an alert must match, all of them: label=value, !=, =~ or !~.")
    ],
    lasting: ForOption,
    comment: Annotated[str, typer.Option("--comment", metavar="TEXT", help="Why.", show_default=False)] = "",
    later: Annotated[str, typer.Option("--in", metavar="TIME", help="Begin only after so long.", show_default=False)] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Have nobody told of some alerts for a time.

    Labels are those that aishell alerts show prints: alertname, target, engine, role, environment, severity, and the
    rule's own. The alerts live on; one that still fires at the end is told then. Every silence is recorded: see aishell
    audit. Where roles are configured it takes one that may cancel statements on all targets that it concerns.
    """
    from aishell_tui.alert_authority import concerned
    from aishell_tui.cli.alert_names import tell_doubts
    from alerts import handling

    desk = _Desk.of(context, config)
    wanted = tuple(map(_matcher, matchers))
    begin = desk.now + (_seconds(later) if later else 0.0)
    end = begin + _seconds(lasting)

    def work(store: AlertStore) -> Silence:
        return handling.silence(store, _new_id(), wanted, begin, end, author=desk.user, comment=comment, now=desk.now)

    with desk.opened() as store:
        alerts = _alerts(store)
        targets = concerned(wanted, desk.authority, alerts)
        made = desk.quiet(store, targets, f"silence {' '.join(matchers)} for {lasting}", work)
        tell_doubts(store, wanted, alerts, choice(context, config))
        return _silenced(made, store, desk.now, json)


def extend(
    context: typer.Context, silence: SilenceArgument, lasting: ExtendOption, config: ConfigOption = None, json: JsonOption = False
) -> int:
    """Give a silence another end, counted from now."""
    from alerts import handling

    desk = _Desk.of(context, config)
    end = desk.now + _seconds(lasting)

    def work(store: AlertStore) -> Silence:
        return handling.extend_silence(store, silence, end, desk.user, desk.now)

    return desk.on_silence(silence, f"extend for {lasting}", work, json)


def unsilence(context: typer.Context, silence: SilenceArgument, config: ConfigOption = None, json: JsonOption = False) -> int:
    """End a silence now.

    Alerts of it that still fire are told at the next evaluation.
    """
    from alerts import handling

    desk = _Desk.of(context, config)
    return desk.on_silence(silence, "end", lambda store: handling.end_silence(store, silence, desk.user, desk.now), json)


@dataclass(frozen=True, slots=True)
class _Desk:
    """Who acts, and when."""

    authority: Authority
    now: float

    @classmethod
    def of(cls, context: typer.Context, config: Path | None) -> _Desk:
        import time

        from aishell_tui.alert_authority import own_authority

        return cls(own_authority(configuration(choice(context, config))), time.time())

    @property
    def user(self) -> str:
        """The operating system's user."""
        return self.authority.actor.user

    @contextmanager
    def opened(self) -> Iterator[AlertStore]:
        """The state database, to write."""
        from contextlib import closing

        from alerts.store.database import AlertStore

        with closing(AlertStore.open(self.authority.state_folder)) as store:
            yield store

    def quiet(self, store: AlertStore, targets: tuple[str, ...], subject: str, work: Callable[[AlertStore], T]) -> T:
        """The result of work that is allowed and recorded."""
        from aishell_tui.alert_authority import quiet

        return quiet(self.authority, targets, subject, lambda: work(store))

    def on_alert(self, name: str, verb: str, work: Callable[[AlertStore], Alert]) -> Alert:
        """Something done to one alert."""
        from alerts import handling

        with self.opened() as store:
            alert = handling.named({each.fingerprint: each for each in _alerts(store)}, name)
            return self.quiet(store, (str(alert.key.target),), f"{verb} alert {alert.fingerprint} of {alert.rule}", work)

    def on_silence(self, name: str, verb: str, work: Callable[[AlertStore], Silence], json: bool) -> int:
        """Something done to one silence."""
        from aishell_tui.alert_authority import concerned

        with self.opened() as store:
            known = _silences(store, self.now)
            named = [each for each in known if each.id.startswith(name)] if name else []
            matchers = named[0].matchers if len(named) == 1 else ()
            targets = concerned(matchers, self.authority, _alerts(store))
            return _silenced(self.quiet(store, targets, f"{verb} silence {name}", work), store, self.now, json)


def _alerts(store: AlertStore) -> tuple[Alert, ...]:
    from alerts.store import alert_rows

    nothing: dict[str, Alert] = {}
    return tuple(store.read(alert_rows.load, nothing).values())


def _silences(store: AlertStore, now: float) -> tuple[Silence, ...]:
    from alerts.store import silence_rows

    return store.read(lambda connection: silence_rows.load(connection, now), ())


def _matcher(text: str) -> Matcher:
    from alerts.language.problems import ConditionError
    from alerts.rules.matchers import parse_matcher

    try:
        return parse_matcher(text)
    except ConditionError as error:
        raise UsageError(f"{text!r}: {error.message}", error.hint) from error


def _seconds(text: str) -> float:
    from aishell_core.units import parse_duration

    seconds = parse_duration(text)
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise UsageError(f"{text} is no time for a silence", "write 30m, 2h or 3d, up to a year")
    return seconds


def _new_id() -> str:
    from uuid import uuid4

    return uuid4().hex[:12]


def _acted(alert: Alert, json: bool) -> int:
    from aishell_tui.cli.alert_shapes import AlertActReport
    from aishell_tui.cli.reports.alerts import alert_row, name_text

    said = alert.acknowledgement
    what = f"{said.owner} has it" if said else "nobody has it"
    if json:
        say(to_json(AlertActReport(alert_row(alert))))
    else:
        say(printable(f"{name_text(alert)} on {alert.key.target or 'all targets'} ({alert.fingerprint}): {what}"))
    return 0


def _silenced(made: Silence, store: AlertStore, now: float, json: bool) -> int:
    from aishell_tui.cli.alert_shapes import SilenceReport
    from aishell_tui.cli.reports.alert_silences import silence_text
    from aishell_tui.cli.reports.alerts import silence_row
    from alerts.matchers import matches
    from alerts.models import Phase

    living = [each for each in _alerts(store) if each.phase in {Phase.PENDING, Phase.FIRING, Phase.RECOVERING}]
    matching = sum(matches(made.matchers, dict(each.labels)) for each in living)
    if json:
        say(to_json(SilenceReport(silence_row(made, now), matching)))
    elif made.ended_by:
        say(printable(f"silence {made.id} is over; alerts of it that still fire are told at the next evaluation"))
    else:
        say(silence_text(made, matching, now))
    return 0

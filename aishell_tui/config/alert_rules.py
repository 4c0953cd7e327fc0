"""From the configuration to the rule book that is in force: files of rules are read here, and channels get their secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from aishell_core.documents.masking import mask_service
from aishell_core.documents.problems import Problem, nearest
from aishell_core.errors import AishellError
from aishell_core.targets import Secret
from aishell_core.values import TargetId
from aishell_tui.config.alert_layers import ALERTS, LoadedAlerts, LoadedChannel
from aishell_tui.config.alerts import ChannelSpec
from aishell_tui.config.load import Configuration
from aishell_tui.config.secret_sources import FromCommand, FromEnvironment, FromFile, expand, resolve
from alerts.language.checker import KEPT, Kept
from alerts.models import Level
from alerts.notify.models import Channel, Heartbeat
from alerts.notify.urls import kind_of, leaves_open, problems_of
from alerts.rules.book import RuleBook, Settings
from alerts.rules.files import RuleFiles, find_rule_files, read_rule_files
from alerts.rules.load import load_book
from alerts.rules.sections import Section

_NAMED = 3


_LEFT_OPEN = "what the channel {!r} opens stays open there when it is over: Apprise can close nothing at this service"
_HOW_TO_CLOSE = "close it by hand or by a rule over there, or send through Alertmanager; send_resolved: false says that it is known"
_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels that can be used; what is wrong with others; and what those lack that this environment does not have."""

    usable: dict[str, Channel]
    faults: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    lacking: Mapping[str, Level] = field(default_factory=dict)
    """Those whose secret could not be had just now, and from which level on each is told."""


def read_rule_book(
    configuration: Configuration, kept: Kept = KEPT, before: RuleBook | None = None, *, with_secrets: bool = True
) -> RuleBook:
    """The book of a configuration: built-in rules, its own, those of its files, with every error and warning; it raises nothing.

    Secrets of channels are fetched, which may run commands that the user's own configuration names; without `with_secrets` only
    URLs that stand in the file are looked at. Blocking.
    """
    alerts = configuration.alerts
    found, lost = find_rule_files(rule_files_of(alerts))
    sections, broken = read_rule_files(found)
    channels = open_channels(alerts, with_secrets=with_secrets)
    spec = alerts.spec
    settings = Settings(
        is_enabled=spec.enabled,
        has_bell=spec.bell,
        default_channels=spec.default_channels,
        heartbeat=Heartbeat(spec.heartbeat.channel, spec.heartbeat.every) if spec.heartbeat else None,
        channels=channels.usable,
        lacking=channels.lacking,
        configured={TargetId(loaded.spec.name): _file(loaded.origin) for loaded in configuration.targets},
        files=frozenset(map(str, configuration.files)),
    )
    book = load_book(
        [*(Section(document, (ALERTS,)) for document in alerts.documents), *sections],
        settings,
        builtin=spec.builtin,
        kept=kept,
        channels=frozenset(alerts.channels),
        before=before,
        hides_files=bool(lost or broken),
    )
    warnings = (*channels.warnings, *_unknown_channels(configuration), *_told_to_nobody(configuration, book), *book.warnings)
    warnings = (*warnings, *_unknown_targets(configuration, book))
    return replace(book, broken=(*lost, *broken, *book.broken), faults=channels.faults, warnings=warnings)


def rule_files_of(alerts: LoadedAlerts) -> Iterator[RuleFiles]:
    """The files and folders of rules that a configuration names."""
    for named in alerts.files:
        source, _, line = named.origin.rpartition(":")
        yield RuleFiles(named.path, source, int(line), named.confined_to) if line.isdecimal() else RuleFiles(named.path, named.origin)


def open_channels(alerts: LoadedAlerts, *, with_secrets: bool = True) -> Channels:
    """The channels with their secrets. What a file says wrongly is a fault, what this environment lacks a warning; never a secret."""
    opened: dict[str, Channel] = {}
    faults: list[Problem] = []
    warnings: list[Problem] = []
    lacking: dict[str, Level] = {}
    for loaded in alerts.channels.values():
        if not with_secrets and loaded.spec.url is None:
            continue
        try:
            url = _url(loaded)
            key = resolve(loaded.spec.key.source, loaded.around.environ) if loaded.spec.key and with_secrets else None
        except AishellError as error:
            warnings.append(_problem(loaded.origin, f"the channel {loaded.name!r} cannot be used: {error.message}", error.hint))
            if _may_come(loaded.spec):
                lacking[loaded.name] = loaded.spec.least_level
            continue
        if what := problems_of(url.reveal()):
            faults.append(_problem(loaded.origin, f"the URL of the channel {loaded.name!r} is refused: {what}"))
        else:
            opened[loaded.name] = _channel(loaded, url, key)
            if loaded.spec.send_resolved and leaves_open(url.reveal()):
                warnings.append(_problem(loaded.origin, _LEFT_OPEN.format(loaded.name), _HOW_TO_CLOSE))
    return Channels(opened, tuple(faults), tuple(warnings), lacking)


def _may_come(spec: ChannelSpec) -> bool:
    """Whether a secret that could not be had may be there later: what the environment lacks it lacks for as long as a program runs."""
    return spec.url is None or (spec.key is not None and not isinstance(spec.key.source, FromEnvironment))


def _url(loaded: LoadedChannel) -> Secret:
    spec, environ = loaded.spec, loaded.around.environ
    if spec.url is not None:
        return Secret(expand(spec.url.text.reveal(), environ))
    source = FromFile(spec.url_file) if spec.url_file is not None else FromCommand(spec.url_command or ())
    return Secret(resolve(source, environ).reveal().strip())


def _channel(loaded: LoadedChannel, url: Secret, key: Secret | None) -> Channel:
    spec = loaded.spec
    return Channel(
        name=loaded.name,
        url=url,
        kind=kind_of(url.reveal()),
        key=key,
        send_resolved=spec.send_resolved,
        least_level=spec.least_level,
        group_wait_seconds=spec.group_wait,
        group_interval_seconds=spec.group_interval,
        repeat_seconds=spec.repeat,
        most_messages=spec.most_messages,
        rate_seconds=spec.rate,
        timeout_seconds=spec.timeout,
    )


def _unknown_channels(configuration: Configuration) -> Iterator[Problem]:
    """A warning for each name under default_channels and heartbeat that no file configures."""
    alerts = configuration.alerts
    named = [("default_channels", name) for name in alerts.spec.default_channels]
    if alerts.spec.heartbeat is not None:
        named.append(("heartbeat", alerts.spec.heartbeat.channel))
    for key, name in named:
        if name not in alerts.channels:
            hint = nearest(name, sorted(alerts.channels)) or "name it under alerts: channels: in your own config.yaml"
            yield _problem(
                configuration.origins.get(f"{ALERTS}.{key}", ""),
                f"{key} names the channel {mask_service(name)!r}, which is not configured",
                hint,
            )


def _told_to_nobody(configuration: Configuration, book: RuleBook) -> Iterator[Problem]:
    """A warning where channels are configured and rules of one's own name none: nobody is told of what they find.

    A list of channels that is empty on purpose is none, and neither is a configuration that has no channels at all.
    """
    alerts = configuration.alerts
    if alerts.spec.default_channels or not alerts.channels:
        return
    silent = [rule for rule in book.rules if rule.channels is None and not rule.builtin]
    if silent:
        more = f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else ""
        yield _problem(
            silent[0].origin,
            f"nobody is told of {', '.join(rule.name for rule in silent[:_NAMED])}{more}: no channels are named, and no default_channels",
            "add default_channels under alerts:, or channels: to the rule; channels: [] says that it is meant so",
        )


def _file(origin: str) -> str:
    source, _, line = origin.rpartition(":")
    return source if line.isdecimal() else origin


def _unknown_targets(configuration: Configuration, book: RuleBook) -> Iterator[Problem]:
    """A warning for each target that a rule names and no file configures; patterns, and targets of the command line, are not known here."""
    known = [loaded.spec.name for loaded in configuration.targets]
    for rule in book.rules if known else ():
        for name in rule.targets.names:
            if name not in known and not _PATTERN.search(name):
                yield _problem(rule.origin, f"{rule.name!r} is for the target {name!r}, which is not configured", nearest(name, known))


def _problem(origin: str, what: str, hint: str = "") -> Problem:
    source, _, line = origin.rpartition(":")
    return Problem(source, what, hint, int(line)) if line.isdecimal() else Problem(origin, what, hint)

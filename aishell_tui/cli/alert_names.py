"""What commands about alerts are given or configured, against what there is: names of targets, matchers, and rules. Blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aishell_core.state.codec import storable
from aishell_tui.cli.arguments import Choice, configuration, tell_warning

if TYPE_CHECKING:
    # Loaded where it is used: --help and --version need none of it.
    from collections.abc import Iterable, Sequence

    from aishell_tui.cli.reports.alerts import OwnRules
    from aishell_tui.config.load import Configuration
    from alerts.handling import Evaluation
    from alerts.models import Alert, Matcher
    from alerts.rule import Rule
    from alerts.store.database import AlertStore


def check_target(store: AlertStore, name: str, chosen: Choice) -> None:
    """Raise UsageError for a target that is neither configured nor one of which anything is kept; "" is none at all."""
    from aishell_tui.config.command_line import unknown_name
    from alerts import handling

    if not name or name in (kept := handling.kept_targets(store)):
        return
    configured = _configured(chosen)
    if name not in configured:
        raise unknown_name(name, (*configured, *sorted(kept.difference(configured))))


def tell_doubts(store: AlertStore, matchers: tuple[Matcher, ...], alerts: Iterable[Alert], chosen: Choice) -> None:
    """Say on standard error what of a silence can be a slip."""
    from aishell_tui.config.alert_rules import read_rule_book
    from alerts import handling
    from alerts.silence_doubts import doubts, known_of

    rules = read_rule_book(configuration(chosen), with_secrets=False).rules
    targets = (*map(storable, _configured(chosen)), *handling.kept_targets(store))
    for message, hint in doubts(matchers, known_of(rules, handling.kept_rules(store), targets, alerts)):
        tell_warning(chosen, message, hint)


def own_rules(store: AlertStore, found: Evaluation, chosen: Choice) -> OwnRules:
    """What is not in force of the rules that are configured here; nothing where they cannot be read, or nothing is configured."""
    import os
    from pathlib import Path

    from aishell_core.errors import AishellError
    from aishell_tui.cli.reports.alerts import OwnRules
    from aishell_tui.config.alert_rules import read_rule_book
    from aishell_tui.config.locate import is_nothing_configured
    from aishell_tui.places import find_places

    # Without a configuration the rules are those that ship, and everybody has them.
    if not found.rules or (chosen.config is None and is_nothing_configured(find_places(), Path.cwd(), os.environ)):
        return OwnRules()
    try:
        loaded = configuration(chosen)
    except AishellError:
        return OwnRules()
    book = read_rule_book(loaded, with_secrets=False)
    return OwnRules(found.lacking(book.rules, map(storable, book.settings.configured)), _overruled(store, book.rules, loaded))


def _overruled(store: AlertStore, rules: Sequence[Rule], loaded: Configuration) -> dict[str, str]:
    """The rules that whoever evaluates configured targets has otherwise, with the holder; roles are not known here."""
    from aishell_core.clock import SystemClock
    from aishell_tui.alert_past import configured_traits
    from alerts.board.selection import selected_targets
    from alerts.lease import own_boot
    from alerts.variance import overruled
    from alerts.wording import wording_of

    traits = {each.target: each for each in configured_traits(loaded)}
    by_name = {storable(rule.name): rule for rule in rules}

    def targets_of(name: str) -> frozenset[str]:
        return frozenset(map(storable, selected_targets(by_name[name].targets, traits)))

    wording, targets, nothing = wording_of(rules), frozenset(map(storable, traits)), dict[str, str]()
    return store.read(lambda connection: overruled(connection, SystemClock(), own_boot(), wording, targets, targets_of), nothing)


def _configured(chosen: Choice) -> tuple[str, ...]:
    """The configured targets, and this machine, which needs no configuration."""
    from aishell_tui.runtime import HOST_NAME

    named = [target.spec.name for target in configuration(chosen).targets]
    return (*named, *({HOST_NAME} - set(named)))

"""Names that commands about alerts are given, against those that there are: a target, and what a silence matches. Blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aishell_core.state.codec import storable
from aishell_tui.cli.arguments import Choice, configuration, tell_warning

if TYPE_CHECKING:
    # Loaded where it is used: --help and --version need none of it.
    from collections.abc import Iterable

    from alerts.models import Alert, Matcher
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


def _configured(chosen: Choice) -> tuple[str, ...]:
    """The configured targets, and this machine, which needs no configuration."""
    from aishell_tui.runtime import HOST_NAME

    named = [target.spec.name for target in configuration(chosen).targets]
    return (*named, *({HOST_NAME} - set(named)))

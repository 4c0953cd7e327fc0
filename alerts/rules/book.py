"""All rules that are in force, those that are wrong, and what else of the configuration the judging and telling go by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aishell_core.documents.problems import Problem
from alerts.models import Level
from alerts.notify.models import Channel, Heartbeat, Routes
from alerts.rule import Maintenance, Rule


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule (or an override, or maintenance) that is not in force, by its name or its place, and everything that is wrong with it.

    `hides_rules` says that it is a file, or a rule without a name: a rule that was read before may stand in it still.
    """

    name: str
    problems: tuple[Problem, ...]
    hides_rules: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What the configuration says besides rules. `channels` are those whose URL could be had.

    `configuration` is the file that is in force instead of one's own configuration or over it, such as that of a working folder.
    `configured` are all targets by name, each with the file that it is in, and `files` those that were read, whatever of it is watched.
    """

    is_enabled: bool = True
    has_bell: bool = False
    default_channels: tuple[str, ...] = ()
    heartbeat: Heartbeat | None = None
    maintenance: tuple[Maintenance, ...] = ()
    channels: Mapping[str, Channel] = field(default_factory=dict)
    lacking: Mapping[str, Level] = field(default_factory=dict)
    """Channels whose secret could not be had just now, and from which level on each is told: what is for them waits."""
    configured: Mapping[str, str] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
    configuration: str = ""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules in force by the order of their files, built-in ones first; without any when alerts are switched off.

    `disabled` are the names of rules that are right and switched off. `faults` are what is wrong besides rules, such as the URL
    of a channel; `warnings` keep nothing from running.
    """

    rules: tuple[Rule, ...] = ()
    broken: tuple[BrokenRule, ...] = ()
    disabled: tuple[str, ...] = ()
    faults: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    settings: Settings = Settings()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Everything that is wrong."""
        return (*self.faults, *(problem for broken in self.broken for problem in broken.problems))

    @property
    def routes(self) -> Routes:
        """What a notifier needs of it."""
        by_name = {rule.name: rule for rule in self.rules}
        return Routes(self.settings.channels, self.settings.default_channels, by_name, self.settings.heartbeat, self.settings.lacking)


def same_rules(rules: Iterable[Rule], before: RuleBook | None) -> tuple[Rule, ...]:
    """The rules, those that are as in the book `before` as the same objects."""
    known = {rule.name: rule for rule in before.rules} if before is not None else {}
    return tuple(known[rule.name] if rule == known.get(rule.name) else rule for rule in rules)

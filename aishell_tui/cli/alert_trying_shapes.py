"""What the commands that try rules print under --json, as types; see `shapes`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aishell_tui.cli.setup_shapes import ProblemRow
from aishell_tui.cli.shapes import doc


@dataclass(frozen=True, slots=True)
class AlertCheckReport:
    """aishell alerts check --json."""

    ok: bool = field(metadata=doc("whether there is no error"))
    files: tuple[str, ...] = field(metadata=doc("the files that were read"))
    rules: int = field(metadata=doc("rules of one's own that are right and switched on"))
    builtin_rules: int = field(metadata=doc("built-in rules that are in force"))
    disabled_rules: int = field(metadata=doc("rules that are right and switched off"))
    channels: int = field(metadata=doc("channels that are configured"))
    tests: int = field(metadata=doc("tests of rules that can be run"))
    errors: tuple[ProblemRow, ...] = field(metadata=doc("what is wrong"))
    warnings: tuple[ProblemRow, ...] = field(metadata=doc("what should be looked at"))


@dataclass(frozen=True, slots=True)
class AlertTestRow:
    """One test of rules."""

    name: str = field(metadata=doc("its name"))
    file: str = field(metadata=doc("its file"))
    line: int | None = field(metadata=doc("where it stands in it, from 1"))
    passed: bool = field(metadata=doc("whether everything was as expected"))
    differences: tuple[ProblemRow, ...] = field(metadata=doc("what was not, each at the place of what was expected"))


@dataclass(frozen=True, slots=True)
class AlertTestReport:
    """aishell alerts test --json."""

    ok: bool = field(metadata=doc("whether all tests have passed"))
    passed: int = field(metadata=doc("how many have"))
    failed: int = field(metadata=doc("how many have not"))
    tests: tuple[AlertTestRow, ...] = field(metadata=doc("each test, in the order of the files"))


@dataclass(frozen=True, slots=True)
class BacktestInstanceRow:
    """What one instance of a rule would have done."""

    target: str = field(metadata=doc("its target; empty for one across all targets"))
    labels: Mapping[str, str] = field(metadata=doc("the labels that tell it from the others of its target"))
    fired: int = field(metadata=doc("how often it would have fired"))
    firing_seconds: float = field(metadata=doc("for how long altogether"))
    flips: int = field(metadata=doc("how often it would have fired, ended or changed its level"))
    worst: str = field(metadata=doc("the worst level: info, warning or critical"))
    last_fired_at: str | None = field(metadata=doc("when it would have fired last, UTC"))


@dataclass(frozen=True, slots=True)
class BacktestRuleRow:
    """What one rule would have done."""

    name: str = field(metadata=doc("its name"))
    tried: bool = field(metadata=doc("false for a rule that is for some role, which is not kept, unless it was named"))
    has_figures: bool = field(metadata=doc("whether any figure that it looks at is kept of the span"))
    fired: int = field(metadata=doc("how often it would have fired, over all instances"))
    firing_seconds: float = field(metadata=doc("for how long, over all instances"))
    flips: int = field(metadata=doc("how often it would have fired, ended or changed its level"))
    threshold: float | None = field(metadata=doc("the threshold of its mildest level; null where it is no plain comparison"))
    unit: str = field(metadata=doc("the unit of the thresholds; may be empty"))
    halving_threshold: float | None = field(metadata=doc("one at which it would have fired half as often at most; null for none"))
    halving_fired: int | None = field(metadata=doc("how often it would have fired at that"))
    notes: tuple[str, ...] = field(metadata=doc("what about it is not certain"))
    instances: tuple[BacktestInstanceRow, ...] = field(metadata=doc("those that would have fired, the most frequent first"))


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """aishell alerts backtest --json."""

    asked_seconds: float = field(metadata=doc("the span that was asked for"))
    since: str | None = field(metadata=doc("the first figures in it, UTC; null when nothing is kept of it"))
    until: str | None = field(metadata=doc("the last ones, UTC"))
    watched_seconds: float = field(metadata=doc("for how long of it there are any figures"))
    fine_seconds: float = field(metadata=doc("for how long of it they are at full resolution; else means of five minutes"))
    targets: tuple[str, ...] = field(metadata=doc("the targets that were looked at"))
    rules: tuple[BacktestRuleRow, ...] = field(metadata=doc("the rules, the most frequent first"))

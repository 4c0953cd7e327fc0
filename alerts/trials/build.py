"""From the keys of one test to the test: names become metrics, rules and targets, or problems at their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from aishell_core.documents.document import Document, KeyPath
from aishell_core.documents.inside import span_inside
from aishell_core.documents.problems import Problem, nearest
from aishell_core.values import Kind, Labels, Metric, TargetId, Unit
from alerts.language.checker import understood
from alerts.language.names import find_figure, near_figures
from alerts.language.parser import parse_condition
from alerts.language.problems import ConditionError
from alerts.language.quantities import RAW_UNITS
from alerts.language.syntax import Figure
from alerts.models import MatchOperator, Phase, Traits
from alerts.rule import Rule
from alerts.trials.models import STARTS_AT, Check, ExpectedAlert, InventedSeries, Trial
from alerts.trials.notation import NotationError, parse_series
from alerts.trials.spec import AlertSpec, CheckSpec, TargetSpec, TrialSpec

TARGET = "target"
_MOST_STEPS = 200_000


class _Around(NamedTuple):
    """What the parts of a test are read against."""

    document: Document
    path: KeyPath
    owner: str
    rules: Mapping[str, Rule]
    targets: tuple[Traits, ...]

    def problem(self, inside: KeyPath, what: str, hint: str = "", *, of_key: bool = False) -> Problem:
        return self.document.problem((*self.path, *inside), what, hint, of_key=of_key)


def build_trial(document: Document, path: KeyPath, spec: TrialSpec, owner: str, rules: Mapping[str, Rule]) -> Trial | tuple[Problem, ...]:
    """The test, or everything that is wrong with it. `owner` is the rule that it stands in, "" for none."""
    series_targets = list(dict.fromkeys(_named_targets(spec)))
    targets = tuple(_traits(each) for each in spec.targets) or _fitting(spec, owner, rules, series_targets)
    around = _Around(document, path, owner, rules, targets)
    problems: list[Problem] = []
    series: list[InventedSeries] = []
    for written, values in spec.series.items():
        read = _series(around, written, values)
        if isinstance(read, Problem):
            problems.append(read)
        else:
            series.append(read)
    problems += _check_problems(around, spec)
    problems += _size_problems(around, spec)
    if problems:
        return tuple(problems)
    checks = tuple(_check(around, number, check) for number, check in enumerate(spec.checks))
    name = spec.name or owner or "test"
    starts_at = STARTS_AT if spec.starts_at is None else spec.starts_at
    return Trial(name, document, path, spec.interval, starts_at, targets, tuple(series), tuple(sorted(checks, key=_moment)))


def _moment(check: Check) -> float:
    return check.at_seconds


def _named_targets(spec: TrialSpec) -> Iterator[str]:
    """The targets that the figures name."""
    for written in spec.series:
        figure = _figure(written)
        if figure is not None:
            yield from (matcher.value for matcher in figure.matchers if matcher.label == TARGET)


def _figure(written: str) -> Figure | None:
    try:
        tree = parse_condition(written).tree
    except ConditionError:
        return None
    return tree if isinstance(tree, Figure) else None


def _traits(spec: TargetSpec) -> Traits:
    return Traits(
        TargetId(spec.name),
        engine=spec.engine[0] if spec.engine else "",
        role=spec.role or "",
        environment=spec.environment[0] if spec.environment else "",
        tags=spec.tags,
        host=spec.host or "",
        upstream=TargetId(spec.replicates_from) if spec.replicates_from else None,
    )


def _fitting(spec: TrialSpec, owner: str, rules: Mapping[str, Rule], names: list[str]) -> tuple[Traits, ...]:
    """Targets such as the rule that is looked at first is for."""
    wanted = next((name for name in (owner, *(check.rule for check in spec.checks)) if name in rules), None)
    rule = rules[wanted] if wanted is not None else next(iter(rules.values()), None)
    if rule is None:
        return tuple(Traits(TargetId(name)) for name in names or ["test"])
    selector = rule.targets
    plain = next((name for name in selector.names if not set(name) & set("*?[")), "test")
    return tuple(
        Traits(
            TargetId(name),
            engine=_engine(rule),
            role=selector.roles[0] if selector.roles else "",
            environment=selector.environments[0] if selector.environments else "",
            tags=selector.tags[:1],
        )
        for name in names or [plain]
    )


def _engine(rule: Rule) -> str:
    if rule.targets.engines:
        return rule.targets.engines[0]
    engines = understood(rule.triggers[0].condition).engines
    return min(engines) if engines else ""


def _series(around: _Around, written: str, values: str) -> InventedSeries | Problem:
    where: KeyPath = ("series", written)
    figure = _figure(written)
    if figure is None:
        return around.problem(where, f"{written!r} is no figure", 'write its name, as in disk.usage{mount="/srv"}', of_key=True)
    found = find_figure(figure.name)
    if found is None:
        return around.problem(where, f"there is no metric {figure.name!r}", near_figures(figure.name), of_key=True)
    if any(matcher.operator is not MatchOperator.EQUAL for matcher in figure.matchers):
        return around.problem(where, "a series has one value of each label", 'write it with =, as in mount="/srv"', of_key=True)
    labels = {matcher.label: matcher.value for matcher in figure.matchers}
    target = labels.pop(TARGET, "")
    known = [str(traits.target) for traits in around.targets]
    if not target and len(known) == 1:
        target = known[0]
    if target not in known:
        what = f"there is no target {target!r} in this test" if target else "it is not said which target this figure is of"
        return around.problem(where, what, nearest(target, known) if target else f'write {figure.name}{{target="{known[0]}"}}', of_key=True)
    metric = found[0]
    try:
        read = parse_series(values, unit_of(metric))
    except NotationError as error:
        return _inside(around, where, error)
    return InventedSeries(target, metric, _sorted(labels), read)


def _sorted(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _inside(around: _Around, where: KeyPath, error: NotationError) -> Problem:
    document, path = around.document, (*around.path, *where)
    found = span_inside(document, path, error.span.start, error.span.length)
    if found is None:
        return document.problem(path, error.message, error.hint)
    return document.problem_at(found, error.message, error.hint)


def unit_of(metric: Metric) -> Unit:
    """The unit of what is read of a metric: a counter's own, not that of its rate."""
    return RAW_UNITS.get(metric.unit, metric.unit) if metric.kind is Kind.COUNTER else metric.unit


def _check_problems(around: _Around, spec: TrialSpec) -> Iterator[Problem]:
    known = [str(traits.target) for traits in around.targets]
    if not spec.checks:
        yield around.problem(("checks",), "a test without a check shows nothing", "write - {at: 5m, alerts: critical}")
    for number, check in enumerate(spec.checks):
        if check.rule is not None and check.rule not in around.rules:
            yield around.problem(("checks", number, "rule"), f"there is no rule {check.rule!r} here", _near_rules(check.rule, around))
        for place, alert in enumerate(check.alerts):
            where: KeyPath = ("checks", number, "alerts", place)
            if alert.rule is not None and alert.rule not in around.rules:
                yield around.problem((*where, "rule"), f"there is no rule {alert.rule!r} here", _near_rules(alert.rule, around))
            if not (alert.rule or check.rule or around.owner or len(around.rules) == 1):
                yield around.problem(where, "it is not said which rule this alert is of", "write rule: NAME beside at:")
            if alert.target is not None and alert.target not in known:
                yield around.problem((*where, "target"), f"there is no target {alert.target!r} in this test", nearest(alert.target, known))


def _near_rules(name: str, around: _Around) -> str:
    if not around.rules:
        return "name files of rules with rule_files:, or built-in ones with builtin:"
    return nearest(name, around.rules)


def _size_problems(around: _Around, spec: TrialSpec) -> Iterator[Problem]:
    for number, check in enumerate(spec.checks):
        if check.at / spec.interval > _MOST_STEPS:
            what = f"more than {_MOST_STEPS:,} readings lie before this moment"
            yield around.problem(("checks", number, "at"), what, "let the readings lie further apart with interval:")


def _check(around: _Around, number: int, check: CheckSpec) -> Check:
    path = (*around.path, "checks", number)
    only = next(iter(around.rules)) if len(around.rules) == 1 else ""
    rule = check.rule or around.owner
    alerts = tuple(_expected(around, path, place, alert, rule or only) for place, alert in enumerate(check.alerts))
    return Check(path, check.at, rule, alerts)


def _expected(around: _Around, path: KeyPath, place: int, alert: AlertSpec, rule: str) -> ExpectedAlert:
    own: KeyPath = (*path, "alerts", place)
    if own not in around.document.values:
        own = (*path, "alerts")
    return ExpectedAlert(
        path=own,
        rule=alert.rule or rule,
        target=alert.target or "",
        phase=alert.phase or Phase.FIRING,
        level=alert.level,
        health=alert.health,
        value=alert.value or "",
        is_muted=alert.muted,
        labels=alert.labels,
        annotations=alert.annotations,
    )

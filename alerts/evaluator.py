"""The one who evaluates, in memory: rules, readings, alerts, and what is not written yet. Nothing here touches the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from aishell_core.clock import Clock
from aishell_core.state.codec import storable
from aishell_core.state.history import History
from aishell_core.values import Reading, TargetId
from alerts.board.past import PastRequest
from alerts.board.selection import selected_targets
from alerts.desk import Look, Taken
from alerts.evaluation import Evaluated, Surroundings, evaluated
from alerts.handling import Evaluation
from alerts.holding import Holding, Share
from alerts.judging import Judging
from alerts.lease import Claim
from alerts.lifecycle import paused, shifted
from alerts.links import Links
from alerts.models import Alert, AlertChange, ChangeKind, Evidence, Fingerprint, Traits
from alerts.ports import EvidenceSource, TraitsSource
from alerts.rule import Rule
from alerts.rules.book import RuleBook
from alerts.store.lease_rows import ALL_TARGETS
from alerts.timeline import ReadingTime, Tick, Timeline, moments_of
from alerts.unsaved import Unsaved
from alerts.wording import Wording, wording_of

SETTLING_SECONDS = 60.0
"""So long after it began an evaluator makes nothing of missing figures."""

_MOST_EVIDENCE = 50
_NOT_OURS = "not judged: its rule is of {}, which whoever evaluates its target now does not go by"


class Evaluator:
    """Judges by the newest rules and readings, and knows all alerts as they stand."""

    def __init__(self, clock: Clock, traits: TraitsSource, evidence: EvidenceSource) -> None:
        self.judging = Judging()
        self.unsaved = Unsaved()
        self.alerts: Mapping[Fingerprint, Alert] = {}
        """Those that this program evaluates."""
        self.book = RuleBook()
        self._names: frozenset[str] = frozenset()
        self._rules: Mapping[str, Rule] = {}
        self._own_rules: frozenset[str] = frozenset()
        self._wording: Callable[[], Wording | None] = lambda: None
        self._gone: frozenset[str] = frozenset()
        self.has_rules = False
        """False before the first rule book: until then nothing is known of what an alert is."""
        self.now = 0.0
        """The moment of the last evaluation, 0 before the first."""
        self._clock = clock
        self._traits = traits
        self._evidence = evidence
        begin = moments_of(clock)
        self._timeline = Timeline(*begin)
        self._readings = ReadingTime(begin)
        self._began = begin.steady
        self._links = Links()

    def look(self) -> None:
        """Notice clocks that were set and times in which this program stood still; to be called once a second."""
        glance = self._readings.look(moments_of(self._clock))
        if glance.is_set:
            self.judging.wake(self._readings.now)
        if glance.unwatched_since is not None:
            self.judging.miss(glance.unwatched_since, self._readings.now)
            # What was read before is old by now, and nobody knows yet what is there.
            self._began = self._clock.steady()

    def observe(self, reading: Reading, interval_seconds: float) -> None:
        """Take in a reading of a target that is read so often."""
        traits = self._traits().get(reading.target)
        if traits is not None:
            self.look()
            at = self._readings.place(reading.at)
            self.judging.add(reading if at == reading.at else replace(reading, at=at), interval_seconds, traits)

    def lacking_past(self) -> tuple[PastRequest, ...]:
        """What long windows need to know of the time before the first readings, by the wall clock."""
        ahead = self._readings.ahead_seconds
        return tuple(request if not ahead else request.moved(ahead) for request in self.judging.lacking())

    def remember(self, request: PastRequest, history: History) -> None:
        """What is kept of that time."""
        self.judging.remember(request, history, self._readings.ahead_seconds)

    def use(self, book: RuleBook) -> None:
        """Go by these rules from now on; the alerts of those that stay live on."""
        self.book, self.has_rules = book, True
        self._names |= {rule.name for rule in book.rules}
        self._rules = {storable(rule.name): rule for rule in book.rules}
        self._own_rules = frozenset(self._rules)
        self._wording = cache(lambda: wording_of(book.rules))
        self.judging.use(book.rules)

    def forget(self) -> None:
        """Another program evaluates: what is known here is not the truth any more."""
        self.alerts = {}
        self.unsaved.clear()

    def begin(self, taken: Taken) -> None:
        """Go on where the last evaluator ended: the time since then counts towards nothing.

        What this one knows already, of other targets or from a time without a state database, stands above what was kept.
        """
        begin = moments_of(self._clock)
        now = begin.wall
        if taken.is_first:
            self._timeline = Timeline(*begin)
        self._began = begin.steady
        self._links.recall(taken.links)
        self._gone |= taken.gone
        moved: dict[Fingerprint, Alert] = {}
        for fingerprint, alert in taken.alerts.items():
            evaluated_at = taken.evaluated_at.get(fingerprint)
            gap = now - evaluated_at if evaluated_at is not None else 0.0
            moved[fingerprint] = shifted(alert, gap) if gap < 0 else paused(alert, gap)
        # What reads the disk alone, and whoever takes over next, goes by these times too.
        self.unsaved.put(
            alert for fingerprint, alert in moved.items() if alert != taken.alerts[fingerprint] and fingerprint not in self.alerts
        )
        self.alerts = moved | dict(self.alerts)

    def leave(self, holding: Holding) -> None:
        """Only these alerts are this program's any more."""
        left = {name for name, alert in self.alerts.items() if not holding.has(*_share(alert))}
        if left:
            self.alerts = {name: alert for name, alert in self.alerts.items() if name not in left}
            self.unsaved.leave(left)

    def claim(self) -> Claim:
        """What this program could judge."""
        settings, traits, rules = self.book.settings, dict(self._traits()), self._rules

        def targets_of(name: str) -> frozenset[str]:
            rule = rules.get(name)
            return frozenset() if rule is None else frozenset(map(storable, (ALL_TARGETS, *selected_targets(rule.targets, traits))))

        return Claim(
            frozenset(map(storable, traits)),
            {storable(name): storable(file) for name, file in settings.configured.items()},
            frozenset(map(storable, settings.files)),
            frozenset(_share(alert) for alert in self.alerts.values()),
            self._own_rules if self.has_rules else None,
            targets_of,
            self._wording,
        )

    def judge(self, look: Look) -> Callable[[], Evaluated]:
        """Judge everything once, as the state database was found before; what is left to do touches nothing here.

        That part takes its time when a thousand alerts fire at once, and may be done in any thread; `take` its result.
        """
        self.look()
        tick = self._timeline.tick(*moments_of(self._clock))
        self._moved(tick)
        alerts, traits = self.alerts, dict(self._traits())
        judgements = self.judging.judge(self._readings.now, alerts.values(), traits)
        around = self._surroundings(look, self._links.fill(traits))
        self.unsaved.link(self._links.changes())
        self.now = tick.now
        return lambda: evaluated(alerts, judgements, around, tick.now)

    async def seen(self, found: Evaluated) -> tuple[Evidence, ...]:
        """What is to be seen behind the news of an evaluation; between two of them a key may be taken and painted."""
        worse = [change.after for change in found.changes if _is_news(change)]
        evidence: list[Evidence] = []
        for alert in worse[:_MOST_EVIDENCE]:
            if (each := self._evidence(alert)) is not None:
                evidence.append(each)
            await asyncio.sleep(0)
        return tuple(evidence)

    def moment(self) -> float | None:
        """What moment it is since the last evaluation; None before the first, and where the next one has to look at the clocks."""
        return self._timeline.between(*moments_of(self._clock)) if self.now else None

    def take(self, found: Evaluated, evidence: Sequence[Evidence] = ()) -> None:
        """Go on from what an evaluation came to, and from what was seen of it."""
        self.alerts = found.alerts
        self.unsaved.add(found, list(evidence))

    def _moved(self, tick: Tick) -> None:
        """Keep the ages of the alerts over a clock that was set and a time in which nobody watched."""
        if tick.unwatched_seconds:
            self.alerts = {fingerprint: paused(alert, tick.unwatched_seconds) for fingerprint, alert in self.alerts.items()}
        if tick.set_by_seconds:
            self.alerts = {fingerprint: shifted(alert, tick.set_by_seconds) for fingerprint, alert in self.alerts.items()}
        if tick.unwatched_seconds or tick.set_by_seconds:
            self.unsaved.put(self.alerts.values())

    def _surroundings(self, look: Look, traits: Mapping[TargetId, Traits]) -> Surroundings:
        return Surroundings(
            rules={rule.name: rule for rule in self.book.rules},
            traits=traits,
            broken=self._elsewhere() | _broken(self.book, self.alerts.values()),
            configuration=self.book.settings.configuration,
            silences=look.silences,
            ended=look.ended,
            windows=self.book.settings.maintenance,
            acknowledgements=look.acknowledgements,
            is_settling=self._clock.steady() - self._began < SETTLING_SECONDS,
            judged=_judged(look, traits, self.book.rules),
            others=look.others,
            silent={target: self._readings.wall_of(since) for target, since in self.judging.silent().items()},
        )

    @property
    def watched(self) -> int:
        """How many targets this program reads."""
        return len(self._traits())

    def lacking(self, found: Evaluation) -> tuple[str, ...]:
        """Rules of this program that whoever evaluates its targets does not have."""
        return found.lacking(self.book.rules, map(storable, self._traits()))

    def _elsewhere(self) -> dict[str, str]:
        """Rules of living alerts that this program has never had, while they may stand in what another one reads, each with where.

        They are not over: their alerts stay as they were left until a program judges them that has the rule, or should have it.
        """
        own = self.book.settings.configuration
        found = [alert for alert in self.alerts.values() if alert.rule not in self._names and alert.configuration not in {own, *self._gone}]
        return {alert.rule: _NOT_OURS.format(alert.configuration or "the configuration of its own") for alert in found}


def _is_news(change: AlertChange) -> bool:
    """Whether an alert has fired or risen, so that it is to be seen what may be behind it now."""
    return change.after.phase.is_active and change.after.seen_at == change.at and change.kind in {ChangeKind.FIRED, ChangeKind.LEVEL}


def _judged(look: Look, traits: Mapping[TargetId, Traits], rules: Iterable[Rule]) -> Holding | None:
    """What is this program's to judge, by the names that judgements have."""
    if not look.is_evaluator:
        return None
    holding, names = look.holding, (*traits, TargetId(ALL_TARGETS))
    targets = frozenset(name for name in names if storable(name) in holding.targets)
    if not holding.shares and not holding.apart:
        return Holding(targets)
    stored_targets = {storable(name): name for name in names}
    stored_rules = {storable(rule.name): rule.name for rule in rules}

    def plain(shares: Iterable[Share]) -> frozenset[Share]:
        known = (share for share in shares if share[0] in stored_targets and share[1] in stored_rules)
        return frozenset((stored_targets[target], stored_rules[rule]) for target, rule in known)

    return Holding(targets, plain(holding.shares), plain(holding.apart))


def _share(alert: Alert) -> Share:
    return storable(alert.key.target), storable(alert.rule)


def _broken(book: RuleBook, alerts: Iterable[Alert]) -> dict[str, str]:
    """The rules of living alerts that cannot be evaluated, each with its reason.

    While a file, or a rule without a name, cannot be read, a rule that is not in the book may stand there: its alerts wait for that.
    """
    if not book.broken:
        return {}
    reasons = {each.name: each.problems[0].line_text if each.problems else "" for each in book.broken}
    hidden = next((f"its rule may stand in what cannot be read: {reasons[each.name]}" for each in book.broken if each.hides_rules), None)
    known = {rule.name for rule in book.rules} | set(book.disabled)
    found = {alert.rule: reasons.get(alert.rule, hidden) for alert in alerts if alert.rule not in known}
    return {rule: reason for rule, reason in found.items() if reason is not None}

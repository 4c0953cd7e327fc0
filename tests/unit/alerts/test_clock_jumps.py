"""Clocks that are set, and times in which the program stood still: nothing fires or is resolved by them."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from aishell_core.catalogue import CATALOGUE
from aishell_core.values import Failure, FailureCode, Reading, Sample, TargetId, Tier
from alerts.desk import Look
from alerts.evaluator import Evaluator
from alerts.holding import Holding
from alerts.models import Absence, AlertChange, ChangeKind, Traits
from alerts.rule import Missing, Rule
from tests.alert_service import book_of, usage_rule

SPAN_SECONDS = 60
RARE_SECONDS = 20
RULES = (
    usage_rule("down", f"absent(pool.usage, {SPAN_SECONDS}s)"),
    usage_rule("down now", "absent(pool.usage)"),
    usage_rule("no lag", f"absent(replication.lag, {SPAN_SECONDS}s)"),
    usage_rule("full", "pool.usage > 90%"),
    usage_rule("full for long", "avg(pool.usage, 2m) > 90%", for_seconds=15.0),
    usage_rule("was full", "max(pool.usage, 5m) > 90%"),
    usage_rule("busy", "transactions.rate > 150"),
    usage_rule("busy for long", "avg(transactions.rate, 1m) > 150"),
    usage_rule("calm", "transactions.rate < 50"),
    usage_rule("behind", "replication.lag > 10s", no_data=Missing(Absence.ALERT, 5.0)),
    usage_rule("fills", "predict_linear(pool.usage, 2m, 1h) > 200%"),
)
ORDERS, PAY, AWAY = TargetId("orders"), TargetId("pay"), TargetId("away")


@dataclass
class HandClock:
    """Both clocks, to be moved by hand."""

    wall: float = 1_800_000_000.0
    counted: float = 1000.0

    def now(self) -> float:
        return self.wall

    def steady(self) -> float:
        return self.counted

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.counted += seconds


@dataclass
class Watcher:
    """An evaluator over a target that is well, one whose pool is full, and one that does not answer any more."""

    rules: tuple[Rule, ...] = RULES
    clock: HandClock = field(default_factory=HandClock)
    second: int = 0

    def __post_init__(self) -> None:
        self.traits = {name: Traits(name, engine="postgres" if name != AWAY else "mysql") for name in (ORDERS, PAY, AWAY)}
        self.evaluator = Evaluator(self.clock, lambda: self.traits, lambda _alert: None)
        self.evaluator.use(book_of(*self.rules))
        self.usage = {ORDERS: 0.5, PAY: 0.95}
        self.dead: set[TargetId] = set()

    def read(self, *, rare: bool) -> list[tuple[Reading, float]]:
        """What the pollers bring at this moment."""
        at = self.clock.now()
        found: list[tuple[Reading, float]] = []
        for target in self.traits:
            if target == AWAY or target in self.dead:
                silence = (Failure("connection", FailureCode.REFUSED, "no answer"),)
                found.append((Reading(target, Tier.HOT, at, failures=silence), 1.0))
                continue
            often = (
                Sample(CATALOGUE["pool.usage"], self.usage[target]),
                Sample(CATALOGUE["transactions.rate"], 100.0 * self.clock.counted),
            )
            found.append((Reading(target, Tier.HOT, at, samples=often), 1.0))
            if rare:
                lag = (Sample(CATALOGUE["replication.lag"], 0.5),)
                found.append((Reading(target, Tier.WARM, at, samples=lag), float(RARE_SECONDS)))
        return found

    def take_in(self, readings: list[tuple[Reading, float]]) -> None:
        for reading, interval in readings:
            self.evaluator.observe(reading, interval)

    def evaluate(self) -> list[AlertChange]:
        found = self.evaluator.judge(Look(is_evaluator=True, holding=Holding(frozenset(self.traits))))()
        self.evaluator.take(found)
        return list(found.changes)

    def watch(self, seconds: int) -> list[AlertChange]:
        """Some ordinary seconds."""
        changes: list[AlertChange] = []
        for _ in range(seconds):
            self.clock.pass_by(1.0)
            self.second += 1
            self.take_in(self.read(rare=self.second % RARE_SECONDS == 0))
            changes += self.evaluate()
        return changes

    @property
    def firing(self) -> set[tuple[str, str]]:
        return {(alert.rule, str(alert.key.target)) for alert in self.evaluator.alerts.values() if alert.phase.is_active}


ON_PAY = {("full", "pay"), ("full for long", "pay"), ("was full", "pay")}
ON_AWAY = {("down", "away"), ("down now", "away"), ("no lag", "away"), ("behind", "away")}
AS_IT_IS = ON_PAY | ON_AWAY


def begun() -> Watcher:
    watcher = Watcher()
    watcher.watch(200)
    assert watcher.firing == AS_IT_IS
    return watcher


def told(changes: list[AlertChange]) -> list[str]:
    """The changes but for what is said of figures that are missing for a while, which is no end and no beginning."""
    unsaid = {ChangeKind.NO_DATA, ChangeKind.HEALTHY}
    return [
        f"{change.at}: {change.after.rule} on {change.after.key.target} {change.kind}" for change in changes if change.kind not in unsaid
    ]


def down(changes: list[AlertChange]) -> set[str]:
    """The rules for what does not answer that have fired."""
    return {change.after.rule for change in changes if change.kind is ChangeKind.FIRED and change.after.rule.startswith("down")}


jumps = st.one_of(st.integers(-100_000, 100_000), st.integers(-130, 130), st.sampled_from([-14_400, -600, -90, -1, 1, 90, 300, 7200])).map(
    float
)
stalls = st.one_of(st.integers(1, 200), st.sampled_from([9, 11, 59, 61, 75, 3600, 100_000])).map(float)
steps = st.one_of(
    st.tuples(st.just("watch"), st.integers(1, 70)),
    st.tuples(st.just("set"), jumps),
    st.tuples(st.just("set while readings are under way"), jumps),
    st.tuples(st.just("stop, and evaluate first"), stalls),
    st.tuples(st.just("stop, and read first"), stalls),
    st.tuples(st.just("stop while readings are under way"), stalls),
    st.tuples(st.just("stop while the clock is set"), jumps),
)


def taken(watcher: Watcher, step: tuple[str, float]) -> list[AlertChange]:
    """What an evaluator comes to by one step."""
    match step:
        case "watch", seconds:
            return watcher.watch(int(seconds))
        case "set", seconds:
            watcher.clock.wall += seconds
            return watcher.evaluate() + watcher.watch(1)
        case "set while readings are under way", seconds:
            readings = watcher.read(rare=True)
            watcher.clock.wall += seconds
            watcher.clock.pass_by(0.3)
            watcher.take_in(readings)
            return watcher.evaluate()
        case "stop, and evaluate first", seconds:
            watcher.clock.pass_by(seconds)
            return watcher.evaluate()
        case "stop, and read first", seconds:
            watcher.clock.pass_by(seconds)
            return watcher.watch(1)
        case "stop while readings are under way", seconds:
            readings = watcher.read(rare=False)
            watcher.clock.pass_by(seconds)
            watcher.take_in(readings)
            return watcher.evaluate()
        case _, seconds:
            watcher.clock.pass_by(75.0)
            watcher.clock.wall += seconds
            return watcher.evaluate()


@settings(max_examples=30, deadline=None)
@given(st.lists(steps, min_size=1, max_size=8))
@example([("stop, and evaluate first", 75.0)])
@example([("set", 300.0)])
@example([("set", -600.0), ("watch", 70)])
@example([("set", 7200.0), ("set", -7200.0), ("watch", 30)])
@example([("stop while the clock is set", -14_400.0), ("watch", 70)])
@example([("set", 1.0), ("stop while readings are under way", 1.0)])
def test_nothing_fires_or_is_resolved_by_clocks_that_are_set_and_by_standing_still(course: list[tuple[str, float]]) -> None:
    watcher = begun()
    for step in [*course, ("watch", 1)]:
        assert told(taken(watcher, step)) == [], step
        assert watcher.firing == AS_IT_IS


@settings(max_examples=12, deadline=None)
@given(st.lists(steps, max_size=4))
def test_what_is_down_is_told_after_its_window_however_the_clocks_went(course: list[tuple[str, float]]) -> None:
    watcher = begun()
    for step in course:
        taken(watcher, step)
    watcher.watch(1)
    watcher.dead.add(ORDERS)
    assert down(watcher.watch(SPAN_SECONDS - 1)) == set()
    assert down(watcher.watch(2)) == {"down", "down now"}


def test_a_target_that_fell_silent_before_the_program_stood_still_is_missed_for_its_whole_window_of_watched_time() -> None:
    watcher = begun()
    watcher.dead.add(ORDERS)
    watcher.watch(40)
    watcher.clock.pass_by(3600.0)
    assert down(watcher.evaluate()) == set()
    assert down(watcher.watch(18)) == set()
    assert down(watcher.watch(4)) == {"down", "down now"}


def test_a_target_that_is_not_even_tried_after_the_program_stood_still_is_missed_at_last() -> None:
    watcher = Watcher(rules=RULES[:1])
    watcher.watch(200)
    del watcher.traits[AWAY]
    watcher.clock.pass_by(75.0)
    for _ in range(SPAN_SECONDS):
        watcher.evaluate()
        watcher.clock.pass_by(1.0)
    assert watcher.firing == set()
    watcher.evaluate()
    assert watcher.firing == {("down", "orders"), ("down", "pay")}


def test_a_window_goes_on_over_a_clock_that_is_set() -> None:
    watcher = Watcher(rules=(usage_rule("was full", "max(pool.usage, 5m) > 90%"), usage_rule("fell", "delta(pool.usage, 1m) < -30%")))
    watcher.watch(100)
    watcher.usage[PAY] = 0.4
    watcher.watch(10)
    watcher.clock.wall += 86_400.0
    assert watcher.watch(40) == []
    assert watcher.firing == {("was full", "pay"), ("fell", "pay")}

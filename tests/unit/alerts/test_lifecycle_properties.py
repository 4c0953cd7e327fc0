"""What holds for every life of an alert, whatever is seen and whenever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from alerts.judgement import Judgement
from alerts.lifecycle import aged, paused, shifted, step
from alerts.models import Alert, AlertChange, ChangeKind, Health, Level, Phase
from alerts.rule import Damping, Missing, Rule
from tests.alert_values import NOW, TRAITS, a_rule, between, breach, clear, missing

LEVELS = (Level.CRITICAL, Level.WARNING)
TOLD = {ChangeKind.FIRED, ChangeKind.LEVEL, ChangeKind.RESOLVED}
WAYS = {
    ChangeKind.PENDING: {(Phase.INACTIVE, Phase.PENDING), (Phase.RESOLVED, Phase.PENDING)},
    ChangeKind.DROPPED: {(Phase.PENDING, Phase.INACTIVE), (Phase.PENDING, Phase.RESOLVED)},
    ChangeKind.FIRED: {(Phase.INACTIVE, Phase.FIRING), (Phase.RESOLVED, Phase.FIRING), (Phase.PENDING, Phase.FIRING)},
    ChangeKind.LEVEL: {(Phase.FIRING, Phase.FIRING)},
    ChangeKind.RECOVERING: {(Phase.FIRING, Phase.RECOVERING)},
    ChangeKind.REFIRED: {(Phase.RECOVERING, Phase.FIRING)},
    ChangeKind.RESOLVED: {(Phase.FIRING, Phase.RESOLVED), (Phase.RECOVERING, Phase.RESOLVED)},
}

dampings = st.builds(
    Damping,
    first_seconds=st.integers(1, 60),
    factor=st.sampled_from([1.0, 2.0, 10.0]),
    most_seconds=st.integers(60, 300),
    window_seconds=st.integers(10, 600),
    free_flips=st.integers(0, 4),
)
rules = st.builds(
    a_rule,
    levels=st.sampled_from([LEVELS, LEVELS[:1]]),
    for_seconds=st.sampled_from([0, 0, 3, 10, 60]),
    keep_firing_seconds=st.sampled_from([0, 0, 3, 30]),
    no_data=st.just(Missing()),
    damping=dampings,
)
known = st.one_of(st.builds(breach, st.sampled_from(LEVELS)), st.just(clear()), st.just(between()))
judgements = st.one_of(known, known, st.builds(missing, st.sampled_from([Health.NO_DATA, Health.ERROR])))
steps = st.lists(st.tuples(st.integers(1, 20), judgements), max_size=60)

Seen = Sequence[tuple[int, Judgement]]


def kept_of(rule: Rule, alert: Alert | None, now: float) -> Alert | None:
    return None if alert is None else aged(rule, alert, now)


class Life:
    """One alert through a series of evaluations: its state and the changes after each."""

    def __init__(self, rule: Rule, seen: Seen) -> None:
        self.alert: Alert | None = None
        self.now = NOW
        self.states: list[Alert | None] = []
        self.changes: list[tuple[AlertChange, ...]] = []
        for seconds, judgement in seen:
            self.now += seconds
            self.alert, changes = step(rule, kept_of(rule, self.alert, self.now), judgement, self.now, TRAITS)
            self.states.append(self.alert)
            self.changes.append(changes)

    @property
    def all_changes(self) -> list[AlertChange]:
        return [change for changes in self.changes for change in changes]


def phase_of(alert: Alert | None) -> Phase:
    return alert.phase if alert is not None else Phase.INACTIVE


@given(rules, steps)
def test_each_change_is_a_way_that_there_is(rule: Rule, seen: Seen) -> None:
    for change in Life(rule, seen).all_changes:
        assert change.before is not None
        if change.kind in WAYS:
            assert (change.before.phase, change.after.phase) in WAYS[change.kind]
        else:
            assert change.before.phase is change.after.phase


@given(rules, steps)
def test_fired_and_resolved_take_turns_and_nothing_is_resolved_that_did_not_fire(rule: Rule, seen: Seen) -> None:
    ends = [change.kind for change in Life(rule, seen).all_changes if change.kind in {ChangeKind.FIRED, ChangeKind.RESOLVED}]
    assert ends[::2] == [ChangeKind.FIRED] * len(ends[::2])
    assert ends[1::2] == [ChangeKind.RESOLVED] * len(ends[1::2])


@given(rules, steps)
def test_one_evaluation_brings_at_most_one_thing_to_tell(rule: Rule, seen: Seen) -> None:
    for changes in Life(rule, seen).changes:
        assert sum(change.kind in TOLD for change in changes) <= 1


@given(rules, steps)
def test_a_chain_of_changes_has_no_gap(rule: Rule, seen: Seen) -> None:
    for earlier, later in pairwise(Life(rule, seen).all_changes):
        assert later.before is not None
        if later.before.phase is not Phase.INACTIVE:
            assert (earlier.after.phase in {later.before.phase, Phase.RESOLVED}, earlier.after.level) == (True, later.before.level)


@given(rules, steps)
def test_missing_figures_change_no_phase_and_no_level_unless_the_rule_says_so(rule: Rule, seen: Seen) -> None:
    life = Life(rule, seen)
    before: Alert | None = None
    for (_, judgement), after, changes in zip(seen, life.states, life.changes, strict=True):
        if judgement.health is not Health.OK:
            assert {change.kind for change in changes} <= {ChangeKind.NO_DATA, ChangeKind.ERROR}
            if before is not None and before.phase in {Phase.PENDING, Phase.FIRING, Phase.RECOVERING}:
                assert after is not None
                assert (after.phase, after.level, after.value) == (before.phase, before.level, before.value)
        before = after


@given(rules, steps)
def test_it_fires_at_the_first_evaluation_at_which_it_was_seen_to_hold_for_long_enough(rule: Rule, seen: Seen) -> None:
    """Against a plain count of the seconds in which it held."""
    life = Life(rule, seen)
    held: float | None = None
    active = False
    for (seconds, judgement), after, changes in zip(seen, life.states, life.changes, strict=True):
        if judgement.health is Health.OK and not active:
            held = None if judgement.level is None else 0 if held is None else held + seconds
        fires = not active and held is not None and judgement.health is Health.OK and held >= rule.for_seconds
        assert any(change.kind is ChangeKind.FIRED for change in changes) == fires
        active = phase_of(after).is_active
        held = None if active else held


@given(rules, steps)
def test_it_is_resolved_at_the_first_evaluation_at_which_it_was_seen_clear_for_long_enough(rule: Rule, seen: Seen) -> None:
    life = Life(rule, seen)
    cleared: float | None = None
    active = False
    for (seconds, judgement), after, changes in zip(seen, life.states, life.changes, strict=True):
        if judgement.health is Health.OK and active:
            cleared = None if not judgement.is_clear else 0 if cleared is None else cleared + seconds
        resolves = active and cleared is not None and judgement.health is Health.OK and cleared >= rule.keep_firing_seconds
        assert any(change.kind is ChangeKind.RESOLVED for change in changes) == resolves
        active = phase_of(after).is_active
        cleared = cleared if active else None


@given(rules, steps)
def test_what_the_fields_say_fits_the_phase(rule: Rule, seen: Seen) -> None:
    for alert in Life(rule, seen).states:
        if alert is None:
            continue
        assert (alert.recovering_since is not None) == (alert.phase is Phase.RECOVERING)
        assert dict(alert.labels)["severity"] == str(alert.level)
        if alert.phase.is_active:
            assert alert.fired_at is not None
            assert alert.since is not None
            assert alert.fired_at - alert.since >= rule.for_seconds
            assert alert.resolved_at is None
        if alert.phase is Phase.RESOLVED:
            assert alert.resolved_at is not None
            assert alert.fired_at is not None
            assert alert.acknowledgement is None


@given(rules, steps)
def test_telling_is_put_off_no_longer_than_the_cap_and_not_for_the_free_flips(rule: Rule, seen: Seen) -> None:
    for change in Life(rule, seen).all_changes:
        alert = change.after
        if alert.held_until is not None:
            assert alert.held_since is not None
            assert alert.held_until - alert.held_since <= rule.damping.most_seconds
        if change.kind is ChangeKind.FIRED and len(alert.flips) <= rule.damping.free_flips:
            assert alert.held_until is None


@given(rules, steps, steps, st.integers(-100_000, 100_000))
def test_a_wall_clock_that_is_set_changes_no_life(rule: Rule, first: Seen, then: Seen, seconds: int) -> None:
    plain = Life(rule, [*first, *then])
    life = Life(rule, first)
    alert = shifted(life.alert, seconds) if life.alert is not None else None
    now = life.now + seconds
    for (passed, judgement), expected, changes in zip(then, plain.states[len(first) :], plain.changes[len(first) :], strict=True):
        now += passed
        alert, happened = step(rule, kept_of(rule, alert, now), judgement, now, TRAITS)
        # By what moment its evidence is kept says the clock of that moment.
        assert alert == (None if expected is None else replace(shifted(expected, seconds), seen_at=alert.seen_at if alert else None))
        assert [change.kind for change in happened] == [change.kind for change in changes]


@given(rules, steps, known, st.integers(1, 100_000))
def test_a_stretch_that_nobody_watched_fires_nothing_and_resolves_nothing(rule: Rule, first: Seen, next_: Judgement, seconds: int) -> None:
    """What comes after it comes as it would have come without it."""
    plain = Life(rule, [*first, (1, next_)])
    life = Life(rule, first)
    alert = paused(life.alert, seconds) if life.alert is not None else None
    after, happened = step(rule, alert, next_, life.now + seconds + 1, TRAITS)
    assert [change.kind for change in happened] == [change.kind for change in plain.changes[-1]]
    assert phase_of(after) in {phase_of(plain.alert), Phase.INACTIVE}

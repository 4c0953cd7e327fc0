"""Whatever happens, a receiver that hears us in the end knows what fires and what does not, and nothing reaches it twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.models import Acknowledgement, AlertChange, ChangeKind, Level
from alerts.notify import outbox
from alerts.notify.models import Answer, Fault, Message
from tests.notices import TAKEN, PostOffice, a_channel, a_rule, an_alert, some_routes

NAMES = ("a", "b", "c")
DOWN = Answer(Fault.UNREACHABLE, "reset")
BUSY = Answer(Fault.BUSY, "429", 90.0)
STEPS = st.one_of(
    st.tuples(st.sampled_from(["toggle", "level", "mute", "acknowledge"]), st.sampled_from(NAMES)),
    st.tuples(st.just("pass"), st.sampled_from([1.0, 7.0, 61.0, 400.0])),
    st.tuples(st.just("answer"), st.sampled_from([TAKEN, DOWN, BUSY])),
    st.tuples(st.sampled_from(["restart", "set clock back", "set clock forward"]), st.none()),
)


class World:
    """An office with a webhook, and what its receiver believes."""

    def __init__(self) -> None:
        hook = a_channel("hook", "webhook+http://localhost/x")
        self.office = PostOffice(some_routes(hook, rules=[a_rule()]))
        self.office.recipient.answers["hook"] = self._answer
        self.answer = TAKEN
        self.arrived: dict[str, Message] = {}
        self.times_arrived: dict[str, int] = {}

    def _answer(self, message: Message) -> Answer:
        if self.answer.is_delivered:
            self.arrived[message.id] = message
            self.times_arrived[message.id] = self.times_arrived.get(message.id, 0) + 1
        return self.answer

    def do(self, step: str, what: object) -> None:
        office = self.office
        if step == "pass":
            assert isinstance(what, float)
            office.pass_time(what, step=max(1.0, what / 20))
        elif step == "answer":
            assert isinstance(what, Answer)
            self.answer = what
        elif step == "restart":
            office.restarted()
        elif step.startswith("set clock"):
            jump = 7200.0 if step.endswith("forward") else -7200.0
            office.now += jump
            office.set_by += jump
        else:
            office.happen(*self._change(step, str(what)))

    def _change(self, step: str, name: str) -> tuple[AlertChange, ...]:
        office, alert = self.office, an_alert(target=name)
        known = office.alerts.get(alert.fingerprint)
        if known is None or not known.phase.is_active:
            return (office.fired(alert),) if step == "toggle" else ()
        steps: dict[str, Callable[[], AlertChange]] = {
            "toggle": lambda: office.resolved(known),
            "level": lambda: office.changed(
                ChangeKind.LEVEL, known, level=Level.CRITICAL if known.level is Level.WARNING else Level.WARNING
            ),
            "mute": lambda: (
                office.changed(ChangeKind.UNSILENCED, known, silenced_by=())
                if known.silenced_by
                else office.changed(ChangeKind.SILENCED, known, silenced_by=("s",))
            ),
            "acknowledge": lambda: office.changed(ChangeKind.ACKNOWLEDGED, known, acknowledgement=Acknowledgement("ada", "", office.now)),
        }
        return (steps[step](),)

    def settle(self) -> None:
        """Everything is heard again, and enough time passes."""
        self.answer = TAKEN
        for alert in list(self.office.alerts.values()):
            if alert.phase.is_active and alert.is_muted:
                self.office.tick(self.office.changed(ChangeKind.UNSILENCED, alert, silenced_by=()))
        self.office.pass_time(900, step=15)

    def believed(self) -> dict[str, bool]:
        """Which alerts the receiver takes for firing, by the messages in the order in which they came first."""
        found: dict[str, bool] = {}
        for message in self.arrived.values():
            found |= {item.fingerprint: item.ends_at is None for item in message.items}
        return found


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_in_the_end_a_receiver_knows_what_fires_and_hears_nothing_twice(steps: list[tuple[str, object]]) -> None:
    world = World()
    for step, what in steps:
        world.do(step, what)
    world.settle()
    believed = world.believed()
    for alert in world.office.alerts.values():
        assert believed.get(alert.fingerprint, False) == alert.phase.is_active, alert
    assert set(world.times_arrived.values()) <= {1}
    assert [state.queued for state in outbox.channel_states(world.office.connection, world.office.routes.channels)] == [0]
    before = len(world.arrived)
    world.office.pass_time(1800, step=30)
    assert len(world.arrived) == before, "something is told for no reason"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(NAMES), max_size=12), st.integers(1, 5))
def test_a_group_is_told_no_more_often_than_its_interval_allows_but_for_its_end(toggles: list[str], pause: int) -> None:
    world = World()
    office = world.office
    office.notifier.configure(replace(office.routes, rules={"PoolFull": a_rule(group_by=("engine",))}))
    for name in toggles:
        world.do("toggle", name)
        office.pass_time(pause * 7.0, step=7.0)
    changes = [message.made_at for message in world.arrived.values() if any(item.ends_at is None for item in message.items)]
    ends = [message.made_at for message in world.arrived.values() if all(item.ends_at is not None for item in message.items)]
    for earlier, later in itertools.pairwise(changes):
        ended_between = any(earlier <= end <= later for end in ends)
        assert later - earlier >= 60 or ended_between

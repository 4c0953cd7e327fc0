"""One look at targets: what is read, how rates come about, what a target that fails does to the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from aishell_core.catalogue import CONNECTIONS_USED, PG_WAL_RECORDS, QUERIES_RATE
from aishell_core.clock import Clock
from aishell_core.errors import TargetError
from aishell_core.series.keys import SeriesKey
from aishell_core.targets import Target, parse_location
from aishell_core.values import Failure, FailureCode, Part, Reading, Relation, Sample, Severity, TargetId, Thresholds, Tier
from aishell_tui.frame import TargetView
from aishell_tui.oneshot import LookPlan, look_at
from collectors.contract import Collector, Demand
from tests.fake_clock import FakeClock
from tests.scripted import Script, ScriptedCollector


def _target(name: str) -> Target:
    return Target(TargetId(name), parse_location(f"sqlite:///srv/{name}.db"))


async def _look(scripts: dict[str, Script], plan: LookPlan, seconds: float = 30.0) -> tuple[TargetView, ...]:
    """Look at scripted targets while the clock runs on."""
    clock = FakeClock()

    def open_collector(target: Target, at: Clock) -> Collector:
        return ScriptedCollector(target, at, scripts[target.name])

    looking = asyncio.create_task(look_at([_target(name) for name in scripts], plan, open_collector, clock))
    await clock.advance(seconds)
    return await looking


async def test_two_readings_make_rates() -> None:
    """Counters get their rate from the second look; gauges are there at once."""
    (view,) = await _look({"app": Script()}, LookPlan(window_seconds=2.0))
    assert view.snapshot.value(SeriesKey(QUERIES_RATE)) == 15.0
    assert view.snapshot.value(SeriesKey(CONNECTIONS_USED)) == 3.0
    assert view.assessment.severity is Severity.OK
    assert view.facts is not None


async def test_a_window_of_zero_reads_once() -> None:
    """Commands that need no rates ask the server once only, and have no rates."""
    script = Script()
    (view,) = await _look({"app": script}, LookPlan(window_seconds=0))
    assert script.calls == 1
    assert view.snapshot.value(SeriesKey(QUERIES_RATE)) is None


async def test_slower_tiers_and_parts_are_read_when_asked_for() -> None:
    """Hot twice, the other tiers once; their parts are in the view."""
    script = Script()
    plan = LookPlan((Tier.WARM, Tier.COLD), frozenset({Part.STATEMENTS}))
    (view,) = await _look({"app": script}, plan)
    assert script.calls == 4
    assert view.statements is not None
    assert view.relations is not None


async def test_what_a_slower_tier_counts_has_rates_where_they_are_wanted() -> None:
    """It is read before the window and after it, however long that is; the hot tier's rates are of the window alone."""
    script, clock = Script(), FakeClock()

    class Counting(ScriptedCollector):
        async def collect(self, tier: Tier, demand: Demand) -> Reading:
            reading = await super().collect(tier, demand)
            counted = (Sample(PG_WAL_RECORDS, script.calls * 60.0),)
            return replace(reading, samples=counted) if tier is Tier.WARM else reading

    plan = LookPlan((Tier.WARM,), rated=frozenset({Tier.WARM}), window_seconds=60.0)
    looking = asyncio.create_task(look_at([_target("app")], plan, lambda target, at: Counting(target, at, script), clock))
    await clock.advance(90.0)
    (view,) = await looking
    assert script.calls == 5
    assert view.snapshot.value(SeriesKey(PG_WAL_RECORDS)) == 3.0
    assert view.snapshot.value(SeriesKey(QUERIES_RATE)) == 0.5


async def test_a_target_that_hangs_does_not_delay_the_others() -> None:
    """It is given up at its deadline and says so; the others have their figures."""
    hanging, well = await _look({"hangs": Script(hang=True), "well": Script()}, LookPlan())
    assert hanging.target_failure is not None
    assert (hanging.target_failure.code, hanging.target_failure.message) == (FailureCode.TIMEOUT, "no answer within 2s")
    assert hanging.assessment.severity is Severity.UNKNOWN
    assert well.assessment.severity is Severity.OK


async def test_a_target_whose_collector_cannot_even_begin_leaves_the_others_alone() -> None:
    """A fault in opening one is its own failure, not the end of the command."""
    clock = FakeClock()

    def open_collector(target: Target, at: Clock) -> Collector:
        if target.name == "bad":
            raise RuntimeError("symlink loop")
        return ScriptedCollector(target, at, Script())

    looking = asyncio.create_task(look_at([_target("bad"), _target("well")], LookPlan(), open_collector, clock))
    await clock.advance(30.0)
    bad, well = await looking
    assert bad.target_failure is not None
    assert (bad.target_failure.code, bad.target_failure.message) == (FailureCode.INTERNAL, "RuntimeError: symlink loop")
    assert well.assessment.severity is Severity.OK


async def test_all_are_opened_before_the_first_is_read() -> None:
    """Loading a driver holds up the program, which is no fault of a server that is being asked meanwhile."""
    done: list[str] = []

    class Told(ScriptedCollector):
        async def collect(self, tier: Tier, demand: Demand) -> Reading:
            done.append("read")
            return await super().collect(tier, demand)

    def open_collector(target: Target, at: Clock) -> Collector:
        done.append("opened")
        return Told(target, at, Script())

    clock = FakeClock()
    looking = asyncio.create_task(look_at([_target("one"), _target("two")], LookPlan(window_seconds=0), open_collector, clock))
    await clock.advance(30.0)
    await looking
    assert done == ["opened", "opened", "read", "read"]


async def test_a_server_gets_another_deadline_where_this_program_used_it_up() -> None:
    """A machine with much to do is no fault of the server."""

    class Late(ScriptedCollector):
        tries = 0

        async def collect(self, tier: Tier, demand: Demand) -> Reading:
            self.tries += 1
            if self.tries == 1:
                time.sleep(0.6)  # noqa: ASYNC251 - that nothing else goes on is what it is for
                raise TargetError(FailureCode.TIMEOUT, "it gave no answer within 1.7s")
            return await super().collect(tier, demand)

    clock = FakeClock()
    looking = asyncio.create_task(
        look_at([_target("app")], LookPlan(window_seconds=0), lambda target, at: Late(target, at, Script()), clock)
    )
    await clock.advance(30.0)
    (view,) = await looking
    assert view.assessment.severity is Severity.OK


async def test_a_call_that_an_earlier_one_keeps_waiting_is_made_when_that_has_returned() -> None:
    """A thread that a busy machine lets go on late refuses further calls meanwhile: asking once more means to wait for it."""

    class Stuck(ScriptedCollector):
        tries = 0

        async def collect(self, tier: Tier, demand: Demand) -> Reading:
            self.tries += 1
            if self.tries == 1:
                time.sleep(0.6)  # noqa: ASYNC251 - that nothing else goes on is what it is for
                raise TargetError(FailureCode.TIMEOUT, "no answer within 1.8s")
            if self.tries < 8:
                raise TargetError(FailureCode.TIMEOUT, "an earlier read has not returned for 2s")
            return await super().collect(tier, demand)

    clock = FakeClock()
    looking = asyncio.create_task(
        look_at([_target("app")], LookPlan(window_seconds=0), lambda target, at: Stuck(target, at, Script()), clock)
    )
    await clock.advance(30.0)
    (view,) = await looking
    assert view.assessment.severity is Severity.OK, view.failures


async def test_a_server_that_hangs_is_waited_for_no_longer_than_this_program_was_late() -> None:
    """Not for three whole deadlines, each of which a busy machine cuts short."""

    class Hanging(ScriptedCollector):
        tries = 0

        async def collect(self, tier: Tier, demand: Demand) -> Reading:
            self.tries += 1
            if self.tries == 1:
                time.sleep(0.6)  # noqa: ASYNC251 - that nothing else goes on is what it is for
            await asyncio.Event().wait()
            raise AssertionError

    clock = FakeClock()
    began = clock.now()
    looking = asyncio.create_task(
        look_at([_target("app")], LookPlan(window_seconds=0), lambda target, at: Hanging(target, at, Script()), clock)
    )
    for _ in range(60):
        await clock.advance(0.1)
    (view,) = await looking
    failure = view.target_failure
    assert failure is not None
    assert failure.message.startswith("no answer within 3")
    assert 3.0 <= failure.at - began < 4.0


async def test_a_target_that_fails_is_judged_by_its_reason() -> None:
    """A missing file is critical, and the reason is the collector's."""
    script = Script(error=TargetError(FailureCode.MISSING, "there is no such file"))
    (view,) = await _look({"app": script}, LookPlan())
    assert (view.assessment.severity, view.assessment.reasons[0].text) == (Severity.CRITICAL, "there is no such file")
    assert script.calls == 1


async def test_every_collector_is_closed() -> None:
    """Also the one that failed and the one that hangs."""
    scripts = {
        "well": Script(),
        "hangs": Script(hang=True),
        "fails": Script(error=TargetError(FailureCode.REFUSED, "no")),
    }
    await _look(scripts, LookPlan())
    assert [script.closed for script in scripts.values()] == [1, 1, 1]


async def test_a_faulty_collector_is_a_failure_and_no_crash() -> None:
    """Whatever a foreign collector raises becomes a reason."""

    class Faulty(ScriptedCollector):
        async def collect(self, tier: Tier, demand: frozenset[Part]) -> Reading:
            raise ZeroDivisionError("oops")

    async def one(targets: Sequence[Target]) -> tuple[TargetView, ...]:
        clock = FakeClock()
        looking = asyncio.create_task(look_at(targets, LookPlan(), lambda target, at: Faulty(target, at, Script()), clock))
        await clock.advance(5)
        return await looking

    (view,) = await one([_target("app")])
    assert view.target_failure is not None
    assert (view.target_failure.code, view.target_failure.message) == (FailureCode.INTERNAL, "ZeroDivisionError: oops")


async def test_an_engine_without_collector_says_so() -> None:
    """A URL of an engine that comes later is a target that cannot be read."""

    def refuse(target: Target, clock: Clock) -> Collector:
        raise TargetError(FailureCode.UNSUPPORTED, "no collector for oracle is installed")

    clock = FakeClock()
    (view,) = await look_at([_target("app")], LookPlan(), refuse, clock)
    assert view.target_failure is not None
    assert view.target_failure.message == "no collector for oracle is installed"


async def test_configured_thresholds_decide() -> None:
    """What is ok by the catalogue may be critical by the configuration."""
    plan = LookPlan(thresholds={"connections.used": Thresholds(2, 3)})
    (view,) = await _look({"app": Script()}, plan)
    assert view.assessment.severity is Severity.CRITICAL
    assert view.assessment.reasons[0].metric == "connections.used"


class _Checked(ScriptedCollector):
    """A scripted collector whose integrity check cannot be finished."""

    async def relations(self, deadline_seconds: float) -> tuple[Relation, ...]:
        raise AssertionError(deadline_seconds)

    async def check_integrity(self, deadline_seconds: float) -> tuple[Failure, ...]:
        raise TargetError(FailureCode.TIMEOUT, f"no answer within {deadline_seconds:.0f}s")


async def test_an_integrity_check_that_cannot_be_finished_is_unknown() -> None:
    """Only where it was asked for."""
    for seconds, severity in ((0.0, Severity.OK), (300.0, Severity.UNKNOWN)):
        plan = LookPlan(window_seconds=0, integrity_seconds=seconds)
        (view,) = await look_at([_target("app")], plan, lambda target, at: _Checked(target, at, Script()), FakeClock())
        assert view.assessment.severity is severity
    assert [reason.text for reason in view.assessment.reasons] == ["integrity: no answer within 300s"]

"""What every collector promises, tried on every engine: one module in `tests/servers` with `SUBJECTS` and it joins."""

from __future__ import annotations

import asyncio
import importlib
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import pytest

from aishell_core.catalogue import CATALOGUE
from aishell_core.clock import SystemClock
from aishell_core.errors import TargetError
from aishell_core.values import Ability, Facts, Failure, FailureCode, Kind, Part, PlanNode, Reading, Tier
from aishell_tui.lateness import Lateness
from collectors.contract import EVERYTHING, NOTHING, Collector, Demand, tiers_of
from tests.servers.postgres_tiers import until
from tests.servers.situation import Situation, Subject

_DEADLINES = {Tier.HOT: 2.0, Tier.WARM: 5.0, Tier.COLD: 20.0}
_BUSY_SECONDS = 10.0
"""After this a call that does not come back is given up by the test."""
_PLAN_SECONDS, _CLOSE_SECONDS = 5.0, 2.0
_GRACE_SECONDS = 0.5
"""What letting go of a connection may take beyond a deadline, besides what the program itself was late."""
_PARTS: dict[Ability, Callable[[Reading], object]] = {
    Ability.SESSIONS: lambda reading: reading.sessions,
    Ability.LOCKS: lambda reading: reading.lock_waits,
    Ability.STATEMENTS: lambda reading: reading.statements,
    Ability.RELATIONS: lambda reading: reading.relations,
    Ability.SETTINGS: lambda reading: reading.settings,
    Ability.REPLICATION: lambda reading: reading.replication,
    Ability.PROGRESS: lambda reading: reading.progress,
    Ability.WAITS: lambda reading: reading.waits,
    Ability.HORIZON: lambda reading: reading.horizon,
    Ability.POOLS: lambda reading: reading.pools,
}


def _subjects() -> Iterator[Subject]:
    for file in sorted((Path(__file__).parents[1] / "servers").glob("*.py")):
        yield from getattr(importlib.import_module(f"tests.servers.{file.stem}"), "SUBJECTS", ())


_SUBJECTS = list(_subjects())


@pytest.fixture(scope="module", params=_SUBJECTS, ids=lambda subject: subject.name)
def situation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Situation]:
    """A server for all tests after which it is as well as before."""
    subject: Subject = request.param
    with subject.run(tmp_path_factory.mktemp("subject")) as running:
        yield running


@pytest.fixture(params=_SUBJECTS, ids=lambda subject: subject.name)
def own_situation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Situation]:
    """A server for a test after which it is gone, or another one."""
    subject: Subject = request.param
    with subject.run(tmp_path) as running:
        yield running


def _open(situation: Situation) -> Collector:
    return situation.open_collector(situation.target, SystemClock())


async def _read(collector: Collector, tier: Tier = Tier.HOT, demand: Demand = NOTHING) -> Reading:
    """A reading of a target that is well; one for which a busy machine had too little time is repeated."""

    async def read() -> Reading | None:
        try:
            reading = await collector.collect(tier, demand)
        except TargetError as error:
            if error.reason is FailureCode.TIMEOUT:
                return None
            raise
        return None if FailureCode.TIMEOUT in {failure.code for failure in reading.failures} else reading

    return await until(read)


async def _all(collector: Collector) -> list[Reading]:
    return [await _read(collector, tier, EVERYTHING) for tier in Tier]


async def _failures(collector: Collector, tier: Tier) -> tuple[Failure, ...]:
    try:
        return (await collector.collect(tier, EVERYTHING)).failures
    except TargetError as error:
        return (error.failure("target", 0.0),)


async def _fails_in_words_and_time(collector: Collector, tier: Tier) -> tuple[Failure, ...]:
    async with _at_most(_DEADLINES[tier]):
        failures = await _failures(collector, tier)
    assert all(failure.message for failure in failures)
    return failures


@asynccontextmanager
async def _at_most(seconds: float) -> AsyncIterator[None]:
    """What happens within takes no longer, but for what the event loop itself was late because the machine is busy."""
    lateness = Lateness()
    async with lateness.watched(), asyncio.timeout(seconds + _BUSY_SECONDS):
        began = time.monotonic()
        yield
        took = time.monotonic() - began
    assert took <= seconds + _GRACE_SECONDS + 2 * lateness.seconds


def _counters(reading: Reading) -> dict[tuple[str, object], float]:
    return {(one.metric.name, one.labels): one.value for one in reading.samples if one.metric.kind is Kind.COUNTER}


async def test_each_sample_is_of_the_catalogue_and_a_number(situation: Situation) -> None:
    collector = _open(situation)
    for reading in await _all(collector):
        assert reading.target == situation.target.name
        for sample in reading.samples:
            assert CATALOGUE[sample.metric.name] is sample.metric
            assert situation.target.engine in sample.metric.engines
            assert math.isfinite(sample.value)
            assert sample.value >= 0
            assert sample.labels == tuple(sorted(sample.labels))
            if sample.metric.kind is Kind.RATIO:
                assert sample.value <= 1.0
    await collector.close()


async def test_no_tier_brings_the_same_sample_twice_and_no_two_tiers_the_same_series(situation: Situation) -> None:
    collector = _open(situation)
    readings = await _all(collector)
    keys = [(sample.metric.name, sample.labels) for reading in readings for sample in reading.samples]
    assert len(keys) == len(set(keys))
    assert readings[0].samples, "the hot tier brings figures"
    await collector.close()


async def test_what_a_target_says_of_itself_names_its_engine(situation: Situation) -> None:
    collector = _open(situation)
    facts = (await _read(collector)).facts
    assert isinstance(facts, Facts)
    assert facts.engine == situation.target.engine
    assert facts.started_at is not None
    await collector.close()


async def test_every_ability_is_delivered_when_it_is_asked_for(situation: Situation) -> None:
    collector = _open(situation)
    readings = await _all(collector)
    for ability, part in _PARTS.items():
        delivered = any(part(reading) is not None for reading in readings)
        assert delivered == (ability in collector.abilities), ability
    await collector.close()


async def test_a_part_is_delivered_by_the_tiers_that_are_said_to_read_it(situation: Situation) -> None:
    """A pane that is opened has no other one read at once."""
    collector = _open(situation)
    await _read(collector)
    for ability, delivered in _PARTS.items():
        if ability is Ability.WAITS or ability not in collector.abilities or ability.name is None:
            continue  # waits come with every reading
        demand = frozenset({Part[ability.name]})

        async def comes(demand: Demand = demand, delivered: Callable[[Reading], object] = delivered) -> bool:
            readings = [await _read(collector, tier, demand) for tier in sorted(tiers_of(collector, demand))]
            return any(delivered(reading) is not None for reading in readings)

        assert await until(comes), ability
    await collector.close()


async def test_sessions_and_locks_are_not_read_when_nobody_wants_them(situation: Situation) -> None:
    collector = _open(situation)
    reading = await _read(collector)
    assert reading.sessions is None
    assert reading.lock_waits is None
    assert reading.relations is None
    await collector.close()


async def test_counters_only_grow_and_work_makes_one_grow(situation: Situation) -> None:
    collector = _open(situation)
    first = _counters(await _read(collector))
    if situation.work is not None:
        situation.work()
    second = _counters(await _read(collector))
    assert all(second[key] >= value for key, value in first.items() if key in second)
    if situation.work is not None:
        assert any(second[key] > value for key, value in first.items() if key in second)
    await collector.close()


async def test_all_tiers_can_be_read_at_the_same_time(situation: Situation) -> None:
    collector = _open(situation)
    readings = await asyncio.gather(*(_read(collector, tier, EVERYTHING) for tier in Tier for _ in range(2)))
    assert [reading.tier for reading in readings] == [tier for tier in Tier for _ in range(2)]
    await collector.close()


async def test_closing_twice_and_closing_unused_is_harmless(situation: Situation) -> None:
    unused = _open(situation)
    await unused.close()
    await unused.close()
    used = _open(situation)
    await _read(used)
    await asyncio.gather(used.close(), used.close())
    await used.close()


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("trouble", ["freeze", "hold"])
async def test_a_server_in_trouble_costs_no_more_than_the_deadline(situation: Situation, trouble: str, known: bool) -> None:
    """Every tier gives a reading or says why not, in time, and reads on when the trouble is over.

    It comes before the first connection, or in the midst of those that were read by.
    """
    make = {"freeze": situation.freeze, "hold": situation.hold}[trouble]
    hangs = trouble == "freeze" and make is not None and not situation.goes_on
    collector = _open(situation)
    if known:
        await _all(collector)
    with make() if make is not None else nullcontext():
        failures = await _fails_in_words_and_time(collector, Tier.HOT)
        assert not hangs or FailureCode.TIMEOUT in {failure.code for failure in failures}
        # The second time with what the first one left behind: a connection that was given up, or a question that goes on.
        later = (Tier.HOT, Tier.WARM) if known else (Tier.WARM, Tier.COLD)
        await asyncio.gather(*(_fails_in_words_and_time(collector, tier) for tier in later))
    assert (await _read(collector, Tier.HOT, EVERYTHING)).samples
    await collector.close()


async def test_a_plan_and_a_farewell_wait_no_longer_for_a_server_that_hangs(situation: Situation) -> None:
    collector = _open(situation)
    await _read(collector)
    with situation.freeze() if situation.freeze is not None else nullcontext():
        if Ability.EXPLAIN in collector.abilities and not situation.goes_on:
            async with _at_most(_PLAN_SECONDS):
                with pytest.raises(TargetError) as caught:
                    await collector.explain(situation.statement)
            assert caught.value.message
        async with _at_most(_CLOSE_SECONDS):
            await collector.close()


async def test_odd_names_and_texts_are_proper_unicode_and_nothing_else_happens(own_situation: Situation) -> None:
    """Making control characters harmless is up to what draws; text that is no Unicode would break it."""
    if own_situation.odd is not None:
        own_situation.odd()
    collector = _open(own_situation)
    readings = await _all(collector)
    texts = [relation.name for reading in readings for relation in reading.relations or ()]
    texts += [statement.text for reading in readings for statement in reading.statements or ()]
    texts += [text for reading in readings for session in reading.sessions or () for text in (session.text, session.application)]
    for text in texts:
        text.encode("utf-8")
    assert (not texts) == (own_situation.odd is None)
    await collector.close()


async def _later(moment: float) -> bool | None:
    return time.time() >= moment or None


async def test_a_new_life_of_the_server_shows_in_its_start(own_situation: Situation) -> None:
    collector = _open(own_situation)
    before = (await _read(collector)).facts
    assert before is not None
    if own_situation.restart is not None:
        begun = before.started_at or 0.0
        # Some servers tell their start in whole seconds, and are up again within one.
        await until(lambda: _later(begun + 1.0))
        own_situation.restart()
    after = (await _read(collector)).facts
    assert after is not None
    assert (before.started_at != after.started_at) == (own_situation.restart is not None)
    await collector.close()


async def test_a_target_that_is_gone_says_so_in_words_and_comes_back(own_situation: Situation) -> None:
    collector = _open(own_situation)
    await _read(collector)
    if own_situation.vanish is not None:
        own_situation.vanish()
        for tier in Tier:
            with pytest.raises(TargetError) as caught:
                await collector.collect(tier, EVERYTHING)
            assert caught.value.message
            assert caught.value.hint
    await collector.close()


async def test_a_plan_is_shown_where_there_is_one_and_refused_in_words_where_not(situation: Situation) -> None:
    collector = _open(situation)
    if Ability.EXPLAIN in collector.abilities:
        plan = await collector.explain(situation.statement)
        assert plan
        assert all(isinstance(step, PlanNode) and step.text for step in plan)
    for text in ("", "this is no statement", "\x00\ud800", "SELECT 1; SELECT 2"):
        with pytest.raises(TargetError):
            await collector.explain(text)
    await collector.close()


async def test_a_part_that_failed_is_named_in_words(situation: Situation) -> None:
    collector = _open(situation)
    for reading in await _all(collector):
        for failure in reading.failures:
            assert failure.part
            assert failure.message
            assert failure.part in {*Part, "target"} or failure.part == failure.part.strip()
    await collector.close()

"""Tables of a server that has very many: what the warm tier has no time for is left to the cold one, and is no failure before that."""

from __future__ import annotations

import asyncio
from typing import Any

from aishell_core.engines.postgres import ServerFacts
from aishell_core.values import Failure, FailureCode, Part
from collectors.postgres.relations import RelationsReader
from collectors.postgres.slow_questions import Budget, Found, SlowQuestions
from tests.fake_clock import FakeClock

_SERVER = ServerFacts(150000, "15.0", "watcher", "shop", False, "UTF8", False, False, "db1:5432", False)


class _Slow(SlowQuestions):
    """A server that answers each statement after so many seconds, or not within what is left."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        self.seconds, self.asked = seconds, 0
        self._time = clock

    async def ask(
        self, server: ServerFacts, name: str, part: str, budget: Budget, parameters: tuple[Any, ...] = (), seconds: float = 2.0
    ) -> Found:
        self.asked += 1
        await self._time.sleep(min(self.seconds, budget.left))
        if budget.left <= 0:
            return Found(None, (Failure(part, FailureCode.TIMEOUT, "it took too long"),))
        return Found(())


async def _of(clock: FakeClock, reading: Any) -> Any:
    task = asyncio.ensure_future(reading)
    await clock.advance(30)
    return await task


async def test_what_takes_longer_than_the_warm_tier_has_is_left_to_the_cold_one() -> None:
    clock = FakeClock()
    questions, reader = _Slow(clock, 2.0), RelationsReader(clock)
    soon = await _of(clock, reader.read_soon(questions, _SERVER, Budget.lasting(clock, 4.6)))
    assert (soon.parts, soon.failures) == ((), ())
    asked = questions.asked
    assert (await reader.read_soon(questions, _SERVER, Budget.lasting(clock, 4.6))).parts == ()
    assert questions.asked == asked, "it is not tried again at once"
    slowly = await _of(clock, reader.read(questions, _SERVER, Budget.lasting(clock, 19.0)))
    assert dict(slowly.parts)["relations"] == ()
    assert slowly.failures == ()
    await clock.advance(60)
    questions.seconds = 0.1
    again = await _of(clock, reader.read_soon(questions, _SERVER, Budget.lasting(clock, 4.6)))
    assert dict(again.parts)["relations"] == ()


async def test_the_warm_tier_does_not_wait_for_the_cold_one() -> None:
    clock = FakeClock()
    questions, reader = _Slow(clock, 3.0), RelationsReader(clock)
    slowly = asyncio.ensure_future(reader.read(questions, _SERVER, Budget.lasting(clock, 19.0)))
    await clock.advance(1)
    soon = await reader.read_soon(questions, _SERVER, Budget.lasting(clock, 4.6))
    assert (soon.parts, soon.failures) == ((), ())
    await clock.advance(30)
    assert (await slowly).parts


async def test_that_the_cold_tier_has_no_time_either_is_a_failure() -> None:
    clock = FakeClock()
    questions, reader = _Slow(clock, 30.0), RelationsReader(clock)
    slowly = await _of(clock, reader.read(questions, _SERVER, Budget.lasting(clock, 19.0)))
    assert [(failure.part, failure.code) for failure in slowly.failures] == [(Part.RELATIONS, FailureCode.TIMEOUT)]

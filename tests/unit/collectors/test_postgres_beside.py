"""What is read beside the hot tier: when it begins, what is handed over, and that nothing old is taken for new."""

from __future__ import annotations

import asyncio

import pytest

from aishell_core.errors import TargetError
from aishell_core.values import FailureCode
from collectors.beside import Beside
from collectors.postgres.slow_questions import Budget
from tests.fake_clock import FakeClock


class Slow:
    """A reading that ends when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.answers: asyncio.Queue[str | TargetError] = asyncio.Queue()

    async def read(self, budget: Budget) -> str:
        self.begun += 1
        answer = await self.answers.get()
        if isinstance(answer, TargetError):
            raise answer
        return answer


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_a_reading_that_has_not_ended_is_handed_over_later_and_not_begun_twice(clock: FakeClock) -> None:
    slow = Slow()
    beside = Beside(clock, slow.read, "slow", 2.0)
    beside.begin()
    await _turns()
    assert await beside.take(0.0) is None
    beside.begin(at_once=True)
    slow.answers.put_nowait("first")
    await _turns()
    assert await beside.take(0.0) == "first"
    assert await beside.take(0.0) is None
    assert slow.begun == 1
    beside.close()


async def test_it_is_begun_again_when_it_is_due_or_at_once(clock: FakeClock) -> None:
    slow = Slow()
    beside = Beside(clock, slow.read, "slow", 2.0)
    for number, (passed, at_once) in enumerate(((0.0, False), (2.0, False), (0.5, True)), 1):
        await clock.advance(passed)
        beside.begin(at_once=at_once)
        await _turns()
        assert slow.begun == number
        slow.answers.put_nowait("one")
        await _turns()
        assert await beside.take(0.0) == "one"
        beside.begin()
        await _turns()
        assert slow.begun == number, "it is not due yet"
    beside.close()


async def test_one_that_takes_long_is_begun_more_seldom(clock: FakeClock) -> None:
    slow = Slow()
    beside = Beside(clock, slow.read, "slow", 2.0)
    beside.begin()
    await _turns()
    await clock.advance(1.0)
    slow.answers.put_nowait("one")
    await _turns()
    assert await beside.take(0.0) == "one"
    await clock.advance(18.0)
    beside.begin()
    await _turns()
    assert slow.begun == 1
    await clock.advance(1.0)
    beside.begin()
    await _turns()
    assert slow.begun == 2
    beside.close()


async def test_what_ended_while_nobody_waited_is_not_taken_for_new(clock: FakeClock) -> None:
    slow = Slow()
    beside = Beside(clock, slow.read, "slow", 2.0)
    beside.begin()
    await _turns()
    beside.leave()
    slow.answers.put_nowait("old")
    await _turns()
    await clock.advance(60.0)
    beside.begin()
    slow.answers.put_nowait("new")
    await _turns()
    assert await beside.take(0.0) == "new"
    beside.close()


async def test_a_failure_is_handed_over_once(clock: FakeClock) -> None:
    slow = Slow()
    beside = Beside(clock, slow.read, "slow", 2.0)
    beside.begin()
    slow.answers.put_nowait(TargetError(FailureCode.TIMEOUT, "no answer", "wait"))
    await _turns()
    with pytest.raises(TargetError):
        await beside.take(0.0)
    assert await beside.take(0.0) is None
    beside.close()

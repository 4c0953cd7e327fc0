"""One look at targets without a screen: open, read, look once more for the rates, judge, close."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from aishell_core.alarm import ends_within
from aishell_core.clock import Clock
from aishell_core.engines.base import Introspectable
from aishell_core.errors import TargetError
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Target
from aishell_core.units import format_duration
from aishell_core.values import Failure, FailureCode, Reading, Sample, Severity, TargetId, Thresholds, Tier, worst
from aishell_tui.assess import assess, judged_metrics
from aishell_tui.frame import Assessment, Reason, TargetView, absorb
from aishell_tui.lateness import Lateness
from collectors.contract import NOTHING, Collector, Demand
from collectors.schedule import Schedule

OpenCollector = Callable[[Target, Clock], Collector]
Result = TypeVar("Result")

_CLOSE_SECONDS = 1.0
_THREADS_SECONDS = 0.2
_LATE_SHARE = 0.2
_MOST_TRIES = 3
_LEAST_SHARE = 0.5
_AGAIN_SECONDS = 0.1
"""How soon is asked again what refuses because an earlier call has not returned, where there is time once more."""
_WHOLE = "target"
INTEGRITY = "integrity"


@dataclass(frozen=True, slots=True)
class LookPlan:
    """What one look reads: the slower tiers besides the hot one, the parts, and the time between its two hot readings.

    A window of 0 takes one hot reading only, and so no rates. Tiers in `rated` are read before the window too, so that what they
    count has rates. Integrity is checked where it is given time. `beside` gives figures about a target that it does not tell itself,
    `lacking` why some are not known; they go with its warm reading.
    """

    tiers: tuple[Tier, ...] = ()
    demand: Demand = NOTHING
    rated: frozenset[Tier] = frozenset()
    window_seconds: float = 1.0
    thresholds: Mapping[str, Thresholds] = field(default_factory=dict)
    deadlines: Schedule = field(default_factory=Schedule)
    integrity_seconds: float = 0.0
    beside: Callable[[TargetId], tuple[Sample, ...]] = lambda _target: ()
    lacking: Callable[[TargetId], tuple[Failure, ...]] = lambda _target: ()


async def look_at(targets: Sequence[Target], plan: LookPlan, open_collector: OpenCollector, clock: Clock) -> tuple[TargetView, ...]:
    """The judged views of the targets, read at the same time; one that cannot be read has the reason in its failures.

    All are opened before the first of them is read: loading an engine's driver holds up the whole program.
    """
    lateness = Lateness()
    looks = [_Look(target, plan, open_collector, clock, lateness) for target in targets]
    for each in looks:
        each.open()
    async with lateness.watched():
        return tuple(await asyncio.gather(*(each.take() for each in looks)))


def run(work: Coroutine[None, None, Result]) -> Result:
    """Run a coroutine on a loop of its own, without waiting for threads that hang in a dead file system or server.

    Raises KeyboardInterrupt for SIGINT, which reaches the coroutine as a cancellation and never in the midst of other code;
    so do SIGTERM and SIGHUP, which then end the process as they would have.
    """
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    ended_by: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        ended_by.append(number)
        task.cancel()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # What somebody has had ignored, as nohup does, stays so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, end, number)
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError as error:
        raise KeyboardInterrupt from error
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=_CLOSE_SECONDS))
        loop.run_until_complete(_end_threads(loop))
        loop.close()
        if ended_by and ended_by[0] is not signal.SIGINT:
            signal.raise_signal(ended_by[0])


async def _end_threads(loop: asyncio.AbstractEventLoop) -> None:
    ending = asyncio.create_task(loop.shutdown_default_executor())
    await asyncio.wait((ending,), timeout=_THREADS_SECONDS)
    ending.cancel()


class _Look:
    """One look at one target."""

    def __init__(self, target: Target, plan: LookPlan, open_collector: OpenCollector, clock: Clock, lateness: Lateness) -> None:
        self._target, self._plan, self._open, self._clock = target, plan, open_collector, clock
        self._lateness = lateness
        self._collector: Collector | None = None
        self._calls: dict[Tier, asyncio.Task[Reading]] = {}
        self._store = SeriesStore()
        self._interval = plan.window_seconds or plan.deadlines.hot_seconds
        self._view = TargetView(target, self._store.snapshot(target.name), self._interval)

    def open(self) -> None:
        """Load what reads the target; a target that has no such thing has the reason in its failures."""
        try:
            self._collector = self._open(self._target, self._clock)
        except TargetError as error:
            self._absorb(Reading(self._target.name, Tier.HOT, self._clock.now(), failures=(error.failure(_WHOLE, self._clock.now()),)))
        except Exception as error:  # noqa: BLE001 - the border to collectors: one that cannot even begin must not take the others down
            self._fail(Tier.HOT, self._fault(_WHOLE, error))

    async def take(self) -> TargetView:
        """The judged view of the target, closed again."""
        collector = self._collector
        if collector is None:
            return self._judged()
        try:
            self._view = replace(self._view, abilities=collector.abilities)
            await self._read(collector)
            # What kind of server it is, and so what it can be asked, may be known only now.
            self._view = replace(self._view, abilities=collector.abilities)
            if self._plan.integrity_seconds and self._view.last_ok_at is not None:
                await self._check(collector)
        finally:
            await _close(collector)
        return self._judged()

    async def _read(self, collector: Collector) -> None:
        if not await self._collected(collector, Tier.HOT):
            return
        if self._plan.window_seconds > 0:
            earlier = tuple(tier for tier in self._plan.tiers if tier in self._plan.rated)
            if earlier:
                await self._collected_together(collector, earlier)
                await self._collected(collector, Tier.HOT)
            await self._clock.sleep(self._plan.window_seconds)
            await self._collected(collector, Tier.HOT)
        # Not within the window: the rates would be those of our own questions, and without any where these take long.
        await self._collected_together(collector, self._plan.tiers)

    async def _collected_together(self, collector: Collector, tiers: tuple[Tier, ...]) -> None:
        slower = [asyncio.create_task(self._collected(collector, tier)) for tier in tiers]
        if slower:
            await asyncio.wait(slower)

    async def _collected(self, collector: Collector, tier: Tier) -> bool:
        """Take one reading into the view; whether it succeeded.

        Where a deadline has passed of which this program itself has used up much, the server gets that time once more, half of a
        deadline at least, and a third time: one that hangs is not waited for any longer than this program was late.
        """
        whole = left = self._plan.deadlines.deadline(tier)
        for _ in range(_MOST_TRIES - 1):
            before = self._lateness.seconds
            failure = await self._collect(collector, tier, left, whole)
            if failure is not FailureCode.TIMEOUT or not self._late_words(tier, before) or not await self._has_ended(tier):
                return failure is None
            left = min(self._plan.deadlines.deadline(tier), max(self._lateness.seconds - before, left * _LEAST_SHARE))
            whole += left
        return await self._collect(collector, tier, left, whole) is None

    def _late_words(self, tier: Tier, before: float) -> str:
        """By how much this program itself was late since then, "" where that is little of a deadline."""
        late_seconds = self._lateness.seconds - before
        if late_seconds < _LATE_SHARE * self._plan.deadlines.deadline(tier):
            return ""
        return f"this machine is busy: aishell itself came {format_duration(late_seconds)} late, so that it may be no fault of the server"

    async def _check(self, collector: Collector) -> None:
        """Take what an integrity check finds into the view; an engine that has none has nothing to say."""
        if not isinstance(collector, Introspectable):
            return
        try:
            found = await collector.check_integrity(self._plan.integrity_seconds)
        except TargetError as error:
            found = (error.failure(INTEGRITY, self._clock.now()),)
        except Exception as error:  # noqa: BLE001 - the border to collectors, as where they read
            found = (self._fault(INTEGRITY, error),)
        if found:
            self._absorb(Reading(self._target.name, Tier.COLD, self._clock.now(), failures=found))

    async def _has_ended(self, tier: Tier) -> bool:
        """Whether a call that was given up has ended: no tier is read twice at the same time."""
        ended, _ = await asyncio.wait((self._calls[tier],), timeout=_CLOSE_SECONDS)
        return bool(ended)

    async def _collect(self, collector: Collector, tier: Tier, deadline: float, whole: float) -> FailureCode | None:
        """Take one reading into the view within a deadline, the last part of a `whole` one; gives why it could not be taken."""
        before = self._lateness.seconds
        began = asyncio.Event()

        async def collected() -> Reading:
            began.set()
            return await self._asked(collector, tier, is_again=whole > deadline)

        call = self._calls[tier] = asyncio.create_task(collected())
        # The others' work may come first.
        await began.wait()
        part = _WHOLE if tier is Tier.HOT else tier.value
        if not await ends_within(call, deadline, self._clock):
            call.cancel()
            call.add_done_callback(_look_at)
            message, hint = f"no answer within {format_duration(whole)}", self._late_words(tier, before)
            self._fail(tier, Failure(part, FailureCode.TIMEOUT, message, hint, self._clock.now()))
            return FailureCode.TIMEOUT
        try:
            self._absorb(self._with_beside(call.result()))
        except TargetError as error:
            failure = error.failure(part, self._clock.now())
            late = self._late_words(tier, before) if error.reason is FailureCode.TIMEOUT else ""
            self._fail(tier, replace(failure, hint=late or failure.hint))
            return error.reason
        except Exception as error:  # noqa: BLE001 - the border to collectors, own and foreign: their faults are shown, not fatal
            self._fail(tier, self._fault(part, error))
            return FailureCode.INTERNAL
        return None

    async def _asked(self, collector: Collector, tier: Tier, *, is_again: bool) -> Reading:
        """One reading; in time that is given once more, a call that an earlier one keeps waiting is made when that has returned."""
        while True:
            try:
                return await collector.collect(tier, self._plan.demand)
            except TargetError as error:
                if not is_again or error.reason is not FailureCode.TIMEOUT:
                    raise
            await self._clock.sleep(_AGAIN_SECONDS)

    def _with_beside(self, reading: Reading) -> Reading:
        if reading.tier is not Tier.WARM:
            return reading
        name = self._target.name
        return replace(
            reading,
            samples=(*reading.samples, *self._plan.beside(name)),
            failures=(*reading.failures, *self._plan.lacking(name)),
        )

    def _fault(self, part: str, error: Exception) -> Failure:
        message = f"{type(error).__name__}: {error}"
        return Failure(part, FailureCode.INTERNAL, message, "this is a fault of the collector", self._clock.now())

    def _fail(self, tier: Tier, failure: Failure) -> None:
        self._absorb(Reading(self._target.name, tier, failure.at, failures=(failure,)))

    def _absorb(self, reading: Reading) -> None:
        interval = self._interval if reading.tier is Tier.HOT else max(self._plan.deadlines.interval(reading.tier), self._interval)
        self._store.add(reading, interval)
        self._view = absorb(self._view, reading, self._store.snapshot(self._target.name), interval)

    def _judged(self) -> TargetView:
        # The slower tiers may have taken longer than two intervals; what was read in this look is fresh all the same.
        now = self._view.last_ok_at if self._view.last_ok_at is not None else self._clock.now()
        view = self._view
        judged = assess(view, now, judged_metrics(self._target.engine, self._plan.thresholds))
        unchecked = [each for each in view.failures if each.part == INTEGRITY and each.code is not FailureCode.DAMAGED]
        if unchecked and view.target_failure is None:
            # Whoever asked for the check is not told that all is well when it could not be made.
            reasons = (*judged.reasons, *(Reason(Severity.UNKNOWN, f"integrity: {each.message}", "", "health") for each in unchecked))
            judged = Assessment(worst([judged.severity, Severity.UNKNOWN]), reasons)
        return replace(view, assessment=judged)


async def _close(collector: Collector) -> None:
    closing = asyncio.ensure_future(collector.close())
    closing.add_done_callback(_look_at)
    await asyncio.wait((closing,), timeout=_CLOSE_SECONDS)


def _look_at(ended: asyncio.Future[Reading] | asyncio.Future[None]) -> None:
    """Take note of an exception that nobody can use any more, so that asyncio does not print it."""
    if not ended.cancelled():
        ended.exception()

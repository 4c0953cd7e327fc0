"""One target, read again and again, whatever it does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from aishell_core.alarm import NEVER, Alarm, ends_within
from aishell_core.catalogue import POLL_BYTES, POLL_DURATION, POLL_FAILURES, POLL_QUERIES, POLL_TIME, UP
from aishell_core.clock import Clock, SystemClock
from aishell_core.errors import TargetError
from aishell_core.targets import Target
from aishell_core.units import format_duration
from aishell_core.values import Cost, Failure, FailureCode, Reading, Sample, Tier
from collectors.contract import EVERYTHING, NOTHING, Collector, Demand, Remembering, tiers_of
from collectors.schedule import Schedule, back_off_seconds, first_due, may_pass, next_due, recovery_cap_seconds, retry_due

__all__ = ["PollStatus", "Poller", "Schedule"]

WHOLE_TARGET = "target"
_CLOSE_SECONDS = 1.0
_SOONEST_SECONDS = 2.0
"""So long after the last one at the soonest another warm or cold reading is taken because of what a quicker tier has found."""
_SLOWER = {Tier.HOT: (Tier.WARM, Tier.COLD), Tier.WARM: (Tier.COLD,), Tier.COLD: ()}
_TIER_LABELS = {tier: (("tier", tier.value),) for tier in Tier}


@dataclass(frozen=True, slots=True)
class PollStatus:
    """How reading a target goes, by its hot tier; moments are epoch seconds.

    `running_since` is set while a reading is under way, also one that was given up and has not ended yet;
    `abandoned` counts the readings of all tiers that were given up at their deadline.
    """

    last_ok_at: float | None = None
    last_attempt_at: float | None = None
    failure: Failure | None = None
    failures_in_row: int = 0
    next_try_at: float | None = None
    running_since: float | None = None
    abandoned: int = 0


class _Track:
    """What is known of one tier between two readings; moments are steady seconds."""

    __slots__ = ("again", "alarm", "anchor", "call", "passing", "refused", "started", "stuck", "tier", "wanted")

    def __init__(self, tier: Tier, clock: Clock) -> None:
        self.tier = tier
        self.alarm = Alarm(clock)
        self.anchor = 0.0
        self.started = 0.0
        self.call: asyncio.Task[Reading] | None = None
        self.stuck = False
        self.passing = False
        self.wanted = NOTHING
        self.again = False
        self.refused: tuple[Demand, frozenset[str]] | None = None

    @property
    def running(self) -> bool:
        return self.call is not None and not self.call.done()


class Poller:
    """Reads one target in three independent tiers until it is cancelled.

    While the hot tier fails, the target counts as failing: tries come ever more seldom (`recovery_cap_seconds`) and the other tiers pause;
    the first success brings all of them at once. A call that outlives its deadline is cancelled and not waited for,
    and its tier is not called again before it has ended. A warm or cold reading with a failure that may pass (locked,
    timed out) is soon taken again, or the screen would tell of it long after it is over. The warm tier, which has the
    figures of replication, is read soon when a closer look finds a link in another state, so that the two agree. The slower
    tiers are read soon where a quicker one is refused more than before, or less: what they told may not be seen any more.
    """

    def __init__(
        self,
        target: Target,
        open_collector: Callable[[], Collector],
        publish: Callable[[Reading, float], None],
        *,
        schedule: Schedule | None = None,
        clock: Clock | None = None,
        demand: Callable[[], Demand] = lambda: EVERYTHING,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`publish` takes a reading and its tier's cadence in seconds; `jitter` gives numbers from 0 to 1."""
        self.target = target
        self._open_collector = open_collector
        self._publish = publish
        self._schedule = schedule or Schedule()
        self._clock = clock or SystemClock()
        self._demand = demand
        self._jitter = jitter
        self._phase = 0.0
        self._born = self._clock.steady()
        self._collector: Collector | None = None
        self._tracks = {tier: _Track(tier, self._clock) for tier in Tier}
        self._hot = self._tracks[Tier.HOT]
        self._well = False
        self._failing_since = 0.0
        self._status = PollStatus()
        self._spent = Cost()
        self._failures = 0
        self._links: frozenset[tuple[str, str, str]] | None = None

    @property
    def status(self) -> PollStatus:
        """How it goes now, for the screen."""
        wall_ahead = self._clock.now() - self._clock.steady()
        return replace(
            self._status,
            next_try_at=None if self._hot.alarm.at == NEVER else self._hot.alarm.at + wall_ahead,
            running_since=self._hot.started + wall_ahead if self._hot.running else None,
        )

    async def run(self) -> None:
        """Read the target until cancelled, then close its collector."""
        self._phase, self._born = self._jitter(), self._clock.steady()
        self._anchor_tracks()
        self._hot.alarm.set(first_due(self._born, self._schedule.hot_seconds, self._phase))
        try:
            async with asyncio.TaskGroup() as group:
                for track in self._tracks.values():
                    group.create_task(self._keep(track), name=f"{track.tier} {self.target.name}")
        finally:
            await self._stop()

    def poke(self, parts: Demand | None = None) -> None:
        """Read all tiers now, what was refused too, or only those that these parts are read in, also in the midst of a back-off.

        A tier that is being read already is read once more only when more parts are wanted than it was asked for.
        """
        now = self._clock.steady()
        if parts is None:
            self._forget_refusals()
        wanted = frozenset(Tier) if parts is None or self._collector is None else tiers_of(self._collector, parts)
        for track in (self._tracks[tier] for tier in Tier if tier in wanted):
            track.again = True
            if track is self._hot or self._well:
                track.alarm.set(now)

    def reschedule(self, schedule: Schedule) -> None:
        """Read at another cadence from now on; a back-off under way is not cut short."""
        self._schedule = schedule
        self._anchor_tracks()
        if self._well:
            for track in self._tracks.values():
                track.alarm.set(self._due(track))

    def _others(self) -> tuple[_Track, ...]:
        return tuple(track for track in self._tracks.values() if track is not self._hot)

    def _anchor_tracks(self) -> None:
        for track in self._tracks.values():
            track.anchor = self._born + self._phase * self._schedule.interval(track.tier)

    def _due(self, track: _Track) -> float:
        if track.again and self._demand() - track.wanted:
            return self._clock.steady()
        now = self._clock.steady()
        due = next_due(track.anchor, self._schedule.interval(track.tier), track.started, now)
        return min(due, retry_due(self._schedule.retry_seconds, track.started, now)) if track.passing else due

    async def _keep(self, track: _Track) -> None:
        while True:
            await track.alarm.wait()
            track.alarm.at = NEVER
            outcome = await self._attempt(track)
            failures = (outcome,) if isinstance(outcome, Failure) else outcome.failures
            track.passing = track is not self._hot and may_pass(failures)
            if isinstance(outcome, Failure):
                self._settle_failure(track, outcome)
            else:
                self._settle_reading(track, outcome)

    async def _attempt(self, track: _Track) -> Reading | Failure:
        if track is self._hot:
            self._status = replace(self._status, last_attempt_at=self._clock.now())
        if track.call is not None and not track.call.done():
            track.stuck = True
            return self._timeout(track)
        track.started, track.stuck = self._clock.steady(), False
        track.wanted, track.again = self._demand(), False
        call = track.call = asyncio.create_task(self._collect(track.tier), name=f"collect {track.tier} {self.target.name}")
        if await ends_within(call, self._schedule.deadline(track.tier), self._clock):
            return self._outcome(track, call)
        call.cancel()
        call.add_done_callback(lambda ended: self._came_back(track, ended))
        self._status = replace(self._status, abandoned=self._status.abandoned + 1)
        return self._timeout(track)

    async def _collect(self, tier: Tier) -> Reading:
        if self._collector is None:
            self._collector = self._open_collector()
        return await self._collector.collect(tier, self._tracks[tier].wanted)

    def _outcome(self, track: _Track, call: asyncio.Task[Reading]) -> Reading | Failure:
        part, at = _part(track.tier), self._clock.now()
        try:
            return call.result()
        except TargetError as error:
            return error.failure(part, at)
        except asyncio.CancelledError:
            # Nobody here cancelled a call that ended in time: it did so itself, and that is no reason to stop reading.
            return Failure(part, FailureCode.INTERNAL, "the reading was cancelled from inside the collector", "", at)
        except Exception as error:  # noqa: BLE001 - the border to collectors, own and foreign: their faults are shown, not fatal
            return Failure(part, FailureCode.INTERNAL, f"{type(error).__name__}: {error}", "this is a fault of the collector", at)

    def _timeout(self, track: _Track) -> Failure:
        message = f"no answer within {format_duration(self._schedule.deadline(track.tier))}"
        if track.stuck:
            message += f"; the call that began {format_duration(self._clock.steady() - track.started)} ago has not ended yet"
        return Failure(_part(track.tier), FailureCode.TIMEOUT, message, "", self._clock.now())

    def _came_back(self, track: _Track, ended: asyncio.Task[Reading]) -> None:
        """Look at the end of a call that was given up, so that nobody misses its exception; its answer is too old."""
        _look_at(ended)
        if track.stuck and (track is self._hot or self._well):
            track.stuck = False
            track.alarm.set(self._clock.steady())

    def _settle_reading(self, track: _Track, reading: Reading) -> None:
        self._spent += reading.cost
        duration = (self._clock.steady() - track.started) * 1000
        samples = [*reading.samples, Sample(POLL_DURATION, duration, _TIER_LABELS[track.tier])]
        if track is self._hot:
            self._status = replace(self._status, last_ok_at=self._clock.now(), failure=None, failures_in_row=0)
            samples += (Sample(UP, 1.0), *self._own_cost())
        if track is self._hot and not self._well:
            self._well = True
            for other in self._others():
                other.alarm.set(self._clock.steady())
        elif self._links_changed(reading):
            self._read_soon(Tier.WARM)
        if self._rights_changed(track, reading):
            self._forget_refusals()
            self._read_soon(*_SLOWER[track.tier])
        track.alarm.set(self._due(track) if self._well else NEVER)
        self._publish(replace(reading, samples=tuple(samples)), self._schedule.interval(track.tier))

    def _read_soon(self, *tiers: Tier) -> None:
        if not self._well:
            return
        for track in (self._tracks[tier] for tier in tiers):
            track.alarm.set(min(track.alarm.at, max(self._clock.steady(), track.started + _SOONEST_SECONDS)))

    def _forget_refusals(self) -> None:
        collector: object = self._collector
        if isinstance(collector, Remembering):
            collector.forget_refusals()

    def _rights_changed(self, track: _Track, reading: Reading) -> bool:
        """Whether a tier is refused other parts for want of a privilege than the last time that it was asked for the same."""
        refused = frozenset(str(each.part) for each in reading.failures if each.code is FailureCode.PRIVILEGE)
        before, track.refused = track.refused, (track.wanted, refused)
        return before is not None and before[0] == track.wanted and before[1] != refused

    def _links_changed(self, reading: Reading) -> bool:
        """Whether ends of replication, which are read closely only while somebody looks, are in other states than when last seen."""
        if reading.tier is not Tier.HOT or reading.replication is None:
            return False
        before, self._links = self._links, frozenset((peer.role, peer.name, peer.state) for peer in reading.replication)
        return before != self._links

    def _own_cost(self) -> tuple[Sample, ...]:
        return (
            Sample(POLL_QUERIES, self._spent.queries),
            Sample(POLL_TIME, self._spent.seconds * 1000),
            Sample(POLL_BYTES, self._spent.bytes),
            Sample(POLL_FAILURES, self._failures),
        )

    def _settle_failure(self, track: _Track, failure: Failure) -> None:
        self._failures += 1
        if track is self._hot:
            in_row = self._status.failures_in_row + 1
            self._status = replace(self._status, failure=failure, failures_in_row=in_row)
            self._well = False
            if in_row == 1:
                self._failing_since = track.started
            track.alarm.set(self._clock.steady() + self._back_off_seconds(failure, in_row))
            for other in self._others():
                other.alarm.set(NEVER)
        else:
            track.alarm.set(self._due(track) if self._well else NEVER)
        reading = Reading(self.target.name, track.tier, failure.at, failures=(failure,))
        self._publish(reading, self._schedule.interval(track.tier))

    def _back_off_seconds(self, failure: Failure, in_row: int) -> float:
        failing_seconds = self._clock.steady() - self._failing_since
        cap = recovery_cap_seconds(failure.code, failing_seconds, self._schedule.backoff_cap_seconds)
        return back_off_seconds(in_row, self._schedule.hot_seconds, cap, self._jitter())

    async def _stop(self) -> None:
        """End what is under way and close the collector, each within a second of the loop's own time."""
        calls = [track.call for track in self._tracks.values() if track.call is not None]
        for call in calls:
            call.cancel()
            call.add_done_callback(_look_at)
        if calls:
            await asyncio.wait(calls, timeout=_CLOSE_SECONDS)
        if self._collector is not None:
            closing = asyncio.create_task(self._collector.close())
            closing.add_done_callback(_look_at)
            await asyncio.wait((closing,), timeout=_CLOSE_SECONDS)
            closing.cancel()


def _look_at(ended: asyncio.Task[Reading] | asyncio.Task[None]) -> None:
    """Take note of a task's exception where nobody can use it any more, so that asyncio does not print it."""
    if not ended.cancelled():
        ended.exception()


def _part(tier: Tier) -> str:
    """What a tier's failure stands for: only the hot tier decides about the whole target."""
    return WHOLE_TARGET if tier is Tier.HOT else tier.value

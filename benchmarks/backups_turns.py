"""Programs that are measured beside each other, in turns, by the clock and by the processor."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from benchmarks.backups_subject import Ran
from benchmarks.report import Figure

ROUNDS = 3
SPEED_RATIO = 0.95
NOTE = (
    f"Medians of {ROUNDS} rounds after one that is not counted, in which all take turns. The bar is of wall time, of the whole command "
    "with the start of the program, whose bytecode is compiled as an installation leaves it. CPU time is that of all programs and of "
    "the server together: on a machine that does other things too it is the figure to look at."
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of wall time, and of the processor for programs and server together."""

    wall_seconds: float
    cpu_seconds: float


def in_turns(*ways: Callable[[], Ran], server_pid: int | None = None, count: int = ROUNDS) -> tuple[Cost, ...]:
    """The median cost of each way; what the machine does otherwise meets all of them, and none pays for what another left to be written."""

    def cost(way: Callable[[], Ran]) -> Cost:
        os.sync()
        before = cpu_seconds_of(server_pid)
        ran = way()
        return Cost(ran.seconds, ran.cpu_seconds + cpu_seconds_of(server_pid) - before)

    _, *rounds = [tuple(cost(way) for way in ways) for _ in range(count + 1)]
    return tuple(
        Cost(statistics.median(one.wall_seconds for one in column), statistics.median(one.cpu_seconds for one in column))
        for column in zip(*rounds, strict=True)
    )


def cpu_seconds_of(pid: int | None) -> float:
    """What a server and the processes that it has, or had, used of the processor until now."""
    if pid is None:
        return 0.0
    server = psutil.Process(pid)
    times = server.cpu_times()
    spent = times.user + times.system + times.children_user + times.children_system
    for child in server.children():
        with suppress(psutil.NoSuchProcess):
            one = child.cpu_times()
            spent += one.user + one.system
    return spent


def speed(name: str, own: Cost, peer: Cost) -> Figure:
    """A figure that has to reach the peer's speed, nearly."""
    ratio = peer.wall_seconds / own.wall_seconds
    return Figure(
        name,
        f"{own.wall_seconds:.2f} s, {100 * ratio:.0f} % of its speed; CPU {own.cpu_seconds:.2f} s",
        f"≥ {100 * SPEED_RATIO:.0f} %",
        ratio >= SPEED_RATIO,
        told(peer),
    )


def told(cost: Cost) -> str:
    """A cost in words."""
    return f"{cost.wall_seconds:.2f} s; CPU {cost.cpu_seconds:.2f} s"

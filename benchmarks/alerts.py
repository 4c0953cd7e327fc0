"""What evaluating alerts costs, with Prometheus evaluating the same rules over the same figures: `python -m benchmarks.alerts`."""

from __future__ import annotations

import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from aishell_core.catalogue import CONNECTIONS_USED
from aishell_core.values import Reading, Sample, TargetId, Tier
from alerts.board.board import Board
from alerts.board.program import Program
from alerts.language.parser import parse_condition
from alerts.models import Level, Traits
from alerts.rule import Rule, Trigger
from benchmarks import prometheus
from benchmarks.alert_rules import (
    METRICS,
    RULES,
    TARGETS,
    WINDOW_RULES,
    WINDOW_SECONDS,
    figures,
    prometheus_rules,
    readings,
    simple_rules,
    traits,
    window_rules,
)
from benchmarks.report import Figure, Section, bounded, machine, render

BAR_CONDITION_MICROSECONDS = 1.0
BAR_TICK_MILLISECONDS = 250.0
BAR_UNCHANGED_MILLISECONDS = 20.0
BAR_SAMPLE_MICROSECONDS = 20.0
_BEGIN = 1_800_000_000.0
_TICKS = 20
_SAMPLES = 3_000
_CEL_MICROSECONDS = 383.0


def _cpu_milliseconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return (time.process_time() - begin) * 1000


class Fleet:
    """All targets on a board, with the rules to measure."""

    def __init__(self, rules: list[Rule]) -> None:
        self.board = Board()
        self.program = Program(rules, self.board)
        self.now = _BEGIN
        self._chance = random.Random(1)
        self._traits = traits()

    def read(self) -> float:
        """One reading of each target with other values; the CPU of taking them in, in milliseconds."""
        self.now += 1.0
        taken = readings(figures(self._chance), self.now)

        def work() -> None:
            for reading, own in zip(taken, self._traits, strict=True):
                self.board.add(reading, 1.0, own)

        return _cpu_milliseconds(work)

    def judge(self) -> float:
        """The CPU of one evaluation, in milliseconds."""
        return _cpu_milliseconds(lambda: self.program.judge(self.now, {}, {}))


def tick_milliseconds(rules: list[Rule], warm_up: int) -> tuple[float, float, float]:
    """Median CPU of taking in a second's readings, of the evaluation after it, and of one in which nothing has changed."""
    fleet = Fleet(rules)
    for _ in range(warm_up):
        fleet.read()
        fleet.judge()
    gc.collect()
    rows = [(fleet.read(), fleet.judge(), fleet.judge()) for _ in range(_TICKS)]
    taken, judged, unchanged = (statistics.median(column) for column in zip(*rows, strict=True))
    return taken, judged, unchanged


def sample_microseconds() -> float:
    """CPU per sample of a five-minute mean that is evaluated after each, reading and judgement included."""
    board, own = Board(), Traits(TargetId("one"), "postgres")
    rule = Rule("mean", (Trigger(Level.WARNING, parse_condition("avg(connections.used, 5m) > 80")),))
    program, chance = Program((rule,), board), random.Random(1)
    taken = [Reading(own.target, Tier.HOT, _BEGIN + at, (Sample(CONNECTIONS_USED, chance.random()),)) for at in range(_SAMPLES)]

    def work() -> None:
        for reading in taken:
            board.add(reading, 1.0, own)
            program.judge(reading.at, {}, {})

    return _cpu_milliseconds(work) / _SAMPLES * 1000


def _beside() -> tuple[prometheus.Evaluated | None, prometheus.Evaluated | None]:
    if not prometheus.is_there():
        return None, None
    with tempfile.TemporaryDirectory() as folder:
        files = [prometheus_rules(of_windows=False), prometheus_rules(of_windows=True)]
        simple, windows = prometheus.measure(Path(folder), files)
        return simple, windows


def _words(evaluated: prometheus.Evaluated | None) -> str:
    if evaluated is None:
        return "–"
    return f"{evaluated.duration_milliseconds:.0f} ms, CPU {evaluated.cpu_milliseconds:.0f} ms"


def _with_peer(figure: Figure, peer: str) -> Figure:
    return Figure(figure.name, figure.measured, figure.bar, figure.reached, peer)


def alerts_section() -> Section:
    """The table of alerts."""
    simple, windows = _beside()
    _, judged, unchanged = tick_milliseconds(simple_rules(), 3)
    taken_for_windows, of_windows, _ = tick_milliseconds(window_rules(), WINDOW_SECONDS + 5)
    instances = RULES * TARGETS
    per_condition = judged / instances * 1000
    peer_condition = simple.cpu_milliseconds / instances * 1000 if simple else None
    rows = (
        bounded(
            "one simple condition, evaluated with all others",
            per_condition,
            BAR_CONDITION_MICROSECONDS,
            "µs",
            digits=3,
            peer=peer_condition,
        ),
        _with_peer(bounded(f"{RULES:,} rules over {TARGETS} targets, CPU per tick", judged, BAR_TICK_MILLISECONDS, "ms"), _words(simple)),
        bounded("the same where no input changed", unchanged, BAR_UNCHANGED_MILLISECONDS, "ms"),
        bounded("5 min mean over 1 Hz samples, one series, per sample", sample_microseconds(), BAR_SAMPLE_MICROSECONDS, "µs"),
        Figure(f"{WINDOW_RULES} rules of 1 min means over {TARGETS} targets, CPU per tick", f"{of_windows:.1f} ms", peer=_words(windows)),
        Figure(f"taking in {TARGETS} readings of {METRICS} samples with windows, CPU", f"{taken_for_windows:.1f} ms"),
    )
    return Section("Alerts", "python -m benchmarks.alerts", rows, _notes(), _peer_name())


def _peer_name() -> str:
    return f"Prometheus {prometheus.version()}" if prometheus.is_there() else "Prometheus"


def _notes() -> tuple[str, ...]:
    return (
        f"All {TARGETS * METRICS:,} values change each second and about one instance in 400 breaches; medians of {_TICKS} ticks, CPU time.",
        "One condition is an instance's share of a tick in which all rules are evaluated; the mean of one series counts reading, "
        "window and judgement, with nothing else in the program.",
        "Prometheus scrapes the same figures each second: the mean of prometheus_rule_group_last_duration_seconds (wall time), and "
        "the CPU of its process per evaluation, beyond what it takes without rules.",
        f"One evaluation of cel-python, in its own process, took {_CEL_MICROSECONDS:.0f} µs.",
    )


if __name__ == "__main__":
    section = alerts_section()
    sys.stdout.write(render((section,), machine(), datetime.now(UTC).date().isoformat()))

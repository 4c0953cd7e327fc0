"""What is measured side by side is told as it was measured."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks.backups_subject import Ran, run
from benchmarks.backups_turns import ROUNDS, Cost, cpu_seconds_of, in_turns, speed


@pytest.mark.parametrize(("own", "reached"), [(1.0, True), (1.05, True), (1.06, False), (2.0, False)])
def test_a_speed_is_reached_up_to_a_twentieth_less_than_the_peers(own: float, reached: bool) -> None:
    figure = speed("a backup", Cost(own, 3.0), Cost(1.0, 2.0))
    assert figure.reached is reached
    assert figure.measured == f"{own:.2f} s, {100 / own:.0f} % of its speed; CPU 3.00 s"
    assert figure.peer == "1.00 s; CPU 2.00 s"


def test_all_take_turns_the_first_round_does_not_count_and_the_middle_one_is_told() -> None:
    seen: list[str] = []

    def way(name: str, *seconds: float) -> Ran:
        seen.append(name)
        return Ran(seconds[seen.count(name) - 1], 10 * seconds[seen.count(name) - 1])

    first, second = in_turns(lambda: way("a", 99.0, 3.0, 1.0, 2.0), lambda: way("b", 99.0, 5.0, 5.0, 9.0))
    assert seen == ["a", "b"] * (ROUNDS + 1)
    assert (first, second) == (Cost(2.0, 20.0), Cost(5.0, 50.0))


def test_the_processor_time_of_a_server_holds_that_of_its_children_also_of_those_that_have_ended() -> None:
    before = cpu_seconds_of(os.getpid())
    ran = run([sys.executable, "-c", "sum(range(3_000_000))"], {})
    assert cpu_seconds_of(os.getpid()) - before >= ran.cpu_seconds - 0.05
    assert cpu_seconds_of(None) == 0.0


def test_a_failure_of_any_program_of_a_pipe_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broken here"):
        run("(echo broken here >&2; exit 3) | cat", {}, tmp_path)

"""When a plan that could not be had is asked for again."""

from __future__ import annotations

import pytest

from aishell_core.errors import AishellError, ConsentError, TargetError
from aishell_core.values import FailureCode
from aishell_tui.screens.plan_tries import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, PlanTries

SLOW = TargetError(FailureCode.TIMEOUT, "db gave no answer within 5s", "")


@pytest.mark.parametrize("reason", [FailureCode.TIMEOUT, FailureCode.REFUSED, FailureCode.LOCKED])
def test_what_may_pass_is_asked_for_again_after_a_pause(reason: FailureCode) -> None:
    tries = PlanTries()
    assert not tries.is_due(1e12)
    tries.failed(TargetError(reason, "no", ""), 100.0)
    assert not tries.is_due(100.0 + FIRST_PAUSE_SECONDS - 0.1)
    assert tries.is_due(100.0 + FIRST_PAUSE_SECONDS)
    tries.left()
    assert not tries.is_due(1e12)


@pytest.mark.parametrize(
    "error",
    [
        TargetError(FailureCode.PRIVILEGE, "no", ""),
        TargetError(FailureCode.UNSUPPORTED, "no", ""),
        ConsentError(FailureCode.REFUSED, "it may do more than read", ""),
        AishellError("no", ""),
    ],
)
def test_what_does_not_pass_by_itself_is_asked_for_once(error: AishellError) -> None:
    tries = PlanTries()
    tries.failed(SLOW, 0.0)
    tries.failed(error, 100.0)
    assert not tries.is_due(1e12)


def test_pauses_grow_up_to_the_longest_and_begin_anew_after_a_plan() -> None:
    tries, pauses = PlanTries(), []
    for _ in range(6):
        tries.failed(SLOW, 0.0)
        pauses.append(next(seconds for seconds in range(1, 1000) if tries.is_due(float(seconds))))
    assert pauses == [5, 10, 20, 40, 60, 60]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    tries.succeeded()
    assert not tries.is_due(1e12)
    tries.failed(SLOW, 0.0)
    assert tries.is_due(FIRST_PAUSE_SECONDS)

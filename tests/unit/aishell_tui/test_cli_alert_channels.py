"""What `aishell alerts channels` says of each channel."""

from __future__ import annotations

import pytest

from aishell_tui.cli.reports.alert_channels import channels_report, channels_text
from alerts.notify.models import ChannelState
from alerts.notify.removed import LACKING

AT = 1_790_000_000.0
WHEN = "2026-09-21T14:13:20Z"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (ChannelState("c"), "never used"),
        (ChannelState("c", delivered_at=AT), "works"),
        (ChannelState("c", delivered_at=AT, failing_since=AT, last_answer=LACKING), f"fails since {WHEN}"),
        (ChannelState("c", delivered_at=AT, missing_since=AT), f"cannot be used since {WHEN}"),
    ],
)
def test_the_last_state_of_a_channel_is_said_and_no_other(state: ChannelState, said: str) -> None:
    text = channels_text(channels_report([state], {"c"}, {}, ()))
    words = {"never used", "works", f"fails since {WHEN}", f"cannot be used since {WHEN}"}
    assert {word for word in words if word in text} == {said}
    assert state.last_answer in text

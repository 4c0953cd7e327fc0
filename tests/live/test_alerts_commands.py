"""aishell alerts beside a program that evaluates, and channels that are tried against real receivers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from tests.command_line import run_here, run_process
from tests.live.test_alerts_evaluators import programs, wait_for
from tests.servers.receivers import RESET, Reply, http_receiver

Capture = pytest.CaptureFixture[str]


def test_commands_act_while_a_program_evaluates_and_say_so(tmp_path: Path) -> None:
    here = {"AISHELL_HOME": str(tmp_path)}

    def listed() -> dict[str, Any]:
        return run_process("alerts", "list", "--json", environment=here).json()

    def alerts(report: dict[str, Any]) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], report["alerts"])

    with programs(tmp_path, "one") as (one,):
        (tmp_path / "value").write_text("0.95")
        wait_for(lambda: [row["phase"] for row in alerts(listed())] == ["firing"])
        wait_for(lambda: cast(dict[str, Any], listed()["evaluation"])["alive"])
        assert run_process("alerts", "ack", "pool_full", "--note", "mine", environment=here).code == 0
        wait_for(lambda: alerts(listed())[0]["note"] == "mine")
        made = run_process("alerts", "silence", "target=orders", "--for", "1h", "--json", environment=here).json()["silence"]
        identity = cast(dict[str, Any], made)["id"]
        wait_for(lambda: alerts(listed())[0]["silenced_by"] == [identity])
        assert run_process("alerts", "unsilence", str(identity)[:6], environment=here).code == 0
        wait_for(lambda: alerts(listed())[0]["silenced_by"] == [])
        assert not one.is_over
    ran = run_process("alerts", "show", "pool_full", environment=here)
    assert (ran.code, "mine" in ran.out) == (0, True)


def configured(home: Path, channels: str) -> None:
    (home / "config.yaml").write_text(f"alerts:\n  default_channels: [hook]\n  channels:\n{channels}")


def test_a_channel_is_tried_with_a_marked_message_and_the_answer_is_printed(aishell_home: Path, capsys: Capture) -> None:
    with http_receiver() as receiver:
        configured(aishell_home, f"    hook: webhook+http://{receiver.address}/in?token=abc\n")
        ran = run_here(capsys, "alerts", "channels", "test", "hook")
        assert (ran.code, ran.out.startswith("hook: delivered (")) == (0, True)
        assert "200" in ran.out
        (request,) = receiver.requests
        assert request.json["alerts"][0]["labels"]["alertname"] == "AishellTest"
        receiver.answer(Reply(500, body=b"the queue is full"))
        ran = run_here(capsys, "alerts", "channels", "test", "--json")
        (row,) = cast(list[dict[str, Any]], ran.json()["tests"])
        assert (ran.code, ran.json()["ok"], row["delivered"], "500" in row["answer"]) == (1, False, False, True)
        receiver.answer(RESET)
        ran = run_here(capsys, "alerts", "channels", "test", "hook")
        assert (ran.code, ran.out.startswith("hook: failed")) == (1, True)
        assert "abc" not in ran.out


def test_all_channels_are_tried_and_one_that_cannot_be_used_says_why(aishell_home: Path, capsys: Capture) -> None:
    with http_receiver() as receiver:
        configured(aishell_home, f"    hook: webhook+http://{receiver.address}/in\n    gone: '${{AISHELL_TEST_NO_SUCH}}'\n")
        ran = run_here(capsys, "alerts", "channels", "test")
    assert ran.code == 1
    assert "hook: delivered" in ran.out
    assert "gone: failed: " in ran.out
    assert "AISHELL_TEST_NO_SUCH" in ran.out


def test_channels_are_listed_without_their_secrets(aishell_home: Path, capsys: Capture) -> None:
    configured(aishell_home, "    hook: webhook+https://hooks.example/T0K3N\n")
    out = run_here(capsys, "alerts", "channels").out
    assert "hook (default)  webhook+https  never used" in out
    assert "T0K3N" not in out
    ran = run_here(capsys, "alerts", "channels", "test", "hok")
    assert (ran.code, "did you mean hook?" in ran.err) == (64, True)


def test_without_a_channel_that_is_said(capsys: Capture) -> None:
    assert "nobody is told" in run_here(capsys, "alerts", "channels").out
    assert run_here(capsys, "alerts", "channels", "test").code == 64

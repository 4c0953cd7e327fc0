"""Killed between every two steps and started again: nothing is lost, and nothing is told twice but under the same id."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pytest

from tests.alert_crashes import WAIT_SECONDS

STEPS = {"begin", "evaluate", "judged", "alerts", "history", "evidence", "notices", "commit", "committed", "send", "sent"}
BEAT_SECONDS = 2


@dataclass(frozen=True)
class Crash:
    """One service that was killed, and the one that came after it."""

    result: dict[str, Any]

    def words(self, life: str, word: str) -> list[str]:
        return [line.removeprefix(word).strip() for line in self.result[life] if line.split()[0] == word]

    def did(self, word: str) -> bool:
        return bool(self.words("first", word))

    @property
    def step(self) -> str:
        return (self.words("first", "killed") or ["nowhere"])[0]

    @property
    def found(self) -> dict[str, Any]:
        (line,) = self.words("second", "found")
        found: dict[str, Any] = json.loads(line)
        return found

    @property
    def told(self) -> dict[str, set[str]]:
        """By kind, rule and target, the ids of the messages that arrived."""
        ids: defaultdict[str, set[str]] = defaultdict(set)
        for line in self.words("first", "told") + self.words("second", "told"):
            identity, _, what = line.partition(" ")
            ids[what].add(identity)
        return ids


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> list[Crash]:
    folder = tmp_path_factory.mktemp("crashes")
    ran = subprocess.run([sys.executable, "-m", "tests.alert_crashes", str(folder)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return [Crash(json.loads(line)) for line in ran.stdout.splitlines()]


def test_each_step_was_the_last_one_of_some_service(crashes: list[Crash]) -> None:
    assert {crash.step for crash in crashes} == STEPS | {"nowhere"}
    assert [crash.result["code"] for crash in crashes] == [-9] * (len(crashes) - 1) + [0]
    assert all(crash.result["second_code"] == 0 and crash.found["evaluates"] for crash in crashes)


def test_what_people_were_told_is_done_is_still_so(crashes: list[Crash]) -> None:
    for crash in crashes:
        if crash.did("acknowledged"):
            assert crash.found["alerts"]["hot orders"][2] == "ana", crash
        if crash.did("silenced"):
            assert crash.found["silences"] == 1, crash
    assert any(crash.did("silenced") for crash in crashes)


def test_an_alert_that_was_kept_is_the_same_alert(crashes: list[Crash]) -> None:
    for crash in crashes:
        for fired_at in crash.words("first", "fired"):
            assert crash.found["alerts"]["hot orders"][:2] == ["firing", float(fired_at)], crash


def test_the_age_of_what_waits_is_kept_but_for_the_time_between_two_signs_of_life(crashes: list[Crash]) -> None:
    for crash in crashes:
        held = max(map(int, crash.words("first", "held")), default=0)
        (waited,) = map(int, crash.words("second", "waited"))
        least, most = WAIT_SECONDS + 1 - held, WAIT_SECONDS + 1 - max(0, held - 1 - BEAT_SECONDS)
        assert least <= waited <= most, crash


def test_everything_is_told_and_nothing_under_two_ids(crashes: list[Crash]) -> None:
    for crash in crashes:
        told = crash.told
        for kind in ("firing", "resolved"):
            for rule in ("hot", "waits"):
                assert len(told[f"{kind} {rule} orders"]) == 1, crash
        assert all(len(ids) <= 1 for ids in told.values()), crash
        if crash.did("silenced"):
            assert not any(what.endswith("pay") for what, ids in told.items() if ids), crash


def test_the_history_has_each_change_once(crashes: list[Crash]) -> None:
    for crash in crashes:
        assert set(crash.result["changes"].values()) == {1}, crash
        assert {f"{kind} {rule} orders" for kind in ("fired", "resolved") for rule in ("hot", "waits")} <= set(crash.result["changes"])
        assert set(crash.result["left"].values()) == {"resolved"}, crash

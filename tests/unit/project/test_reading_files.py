"""Recorded readings come back as they were, and none of them tells where it was recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from aishell_core import catalogue
from aishell_core.values import (
    Ability,
    Cost,
    Facts,
    Failure,
    FailureCode,
    LockWait,
    Reading,
    Relation,
    Sample,
    Session,
    Statement,
    TargetId,
    Tier,
)
from tests.reading_files import Recording, decode, encode, shifted

FILES = sorted((Path(__file__).parents[2] / "data" / "readings").glob("*.json"))
NAME = TargetId("db")
USED, RATE = catalogue.find_metric("connections.used"), catalogue.find_metric("queries.rate")
LAST = Reading(
    NAME,
    Tier.HOT,
    101.0,
    (Sample(USED, 3.0), Sample(RATE, 7.0, (("database", "shop"),))),
    facts=Facts("postgres", "15.1", "primary", 5.0, (("port", "5432"),)),
    sessions=(Session("7", text="SELECT [1]", started_at=50.0, details=(("a", "b"),)),),
    lock_waits=(LockWait("7", "8", "orders", "X", 1.5),),
    statements=(Statement("d", "SELECT ?", 3.0, 4.5, histogram=(1, 2)),),
    relations=(Relation("orders", "table", last_vacuum_at=9.0, remarks=("unused",)),),
    failures=(Failure("statements", FailureCode.MISSING, "none", "make it", 101.0),),
    cost=Cost(2, 0.5, 10),
)


def test_a_recording_comes_back_as_it_was() -> None:
    first = Reading(NAME, Tier.HOT, 100.0, (Sample(USED, 2.0),), facts=LAST.facts, cost=LAST.cost)
    whole = Recording("postgres://db/shop", Ability.SESSIONS | Ability.LOCKS, (first, LAST), (replace(LAST, tier=Tier.WARM, samples=()),))
    assert decode(json.loads(json.dumps(encode(whole)))) == whole


def test_all_moments_are_moved_together() -> None:
    (moved,) = shifted(Recording("", Ability.NONE, (LAST,), ()), 1000.0).hot
    assert moved.facts is not None
    assert moved.sessions is not None
    assert moved.relations is not None
    assert (moved.at, moved.facts.started_at, moved.sessions[0].started_at) == (1101.0, 1005.0, 1050.0)
    assert (moved.relations[0].last_vacuum_at, moved.failures[0].at) == (1009.0, 1101.0)
    assert moved.sessions[0].started_at is not None
    assert replace(moved, at=101.0).samples == LAST.samples


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_kept_recording_is_whole_and_tells_no_place(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    found = decode(json.loads(text))
    assert len(found.hot) > 10
    assert {reading.tier for reading in found.slow} == {Tier.WARM, Tier.COLD}
    assert json.loads(json.dumps(encode(found))) == json.loads(text)
    assert "/tmp/" not in text
    assert "/home/" not in text
    assert str(Path(__file__).parents[3]) not in text

"""The steps of plans in the forms that MongoDB 5 to 8 and FerretDB give them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aishell_core.engines.mongodb_plan import plan_of

DATA = Path(__file__).parents[2] / "data" / "mongodb"


@pytest.mark.parametrize("version", ["5", "6", "7", "8"])
def test_reading_a_whole_collection_is_marked_as_costly(version: str) -> None:
    answers = json.loads((DATA / version / "explain.json").read_text())["answers"]
    (sort,) = plan_of(answers["shop.orders"])
    assert sort.text == 'SORT {"at": -1} limit 20'
    (scan,) = sort.children
    assert scan.text == "COLLSCAN shop.orders"
    assert scan.costly
    assert "no index is used" in scan.note
    assert '"status"' in scan.note
    assert not sort.costly


@pytest.mark.parametrize("version", ["5", "6", "7", "8"])
def test_an_index_is_named_with_its_key_and_bounds(version: str) -> None:
    answers = json.loads((DATA / version / "explain.json").read_text())["answers"]
    (fetch,) = plan_of(answers["shop.customers"])
    (scan,) = fetch.children
    assert scan.text == 'IXSCAN country_1 {"country": 1}'
    assert scan.note.startswith("bounds")
    assert not scan.costly


def test_a_pipeline_and_the_plans_of_shards_are_shown_as_trees() -> None:
    found = {"queryPlanner": {"namespace": "a.b", "winningPlan": {"stage": "COLLSCAN"}}}
    (group,) = plan_of({"stages": [{"$cursor": found}, {"$group": {"_id": "$x"}}]})
    assert group.text == '$group {"_id": "$x"}'
    assert group.children[0].text == "COLLSCAN a.b"
    (shard,) = plan_of({"shards": {"rs0": found}})
    assert shard.text == "shard rs0"
    winning = {"stage": "SHARD_MERGE", "shards": [{"shardName": "rs0", "winningPlan": {"stage": "COLLSCAN"}}]}
    (merge,) = plan_of({"queryPlanner": {"namespace": "a.b", "winningPlan": winning}})
    assert merge.children[0].costly


def test_the_lines_of_ferretdb_are_steps() -> None:
    lines = ["id=2 parent=0 notused=0 detail=SCAN users_5e7c", "id=3 parent=0 notused=0 detail=SEARCH users_5e7c USING INDEX x"]
    scan, search = plan_of({"queryPlanner": {"Plan": lines}})
    assert scan.text == "SCAN users_5e7c"
    assert scan.costly
    assert not search.costly


@pytest.mark.parametrize("reply", [{}, {"queryPlanner": 7}, {"queryPlanner": {"winningPlan": None}}, {"stages": "x"}])
def test_an_answer_without_a_plan_has_no_steps(reply: dict[str, object]) -> None:
    assert plan_of(reply) == ()

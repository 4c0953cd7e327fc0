"""How collections are defined and in which files their documents are."""

from __future__ import annotations

import pytest
from bson import Int64, Regex

from aishell_core.errors import UsageError
from aishell_ops.backups.engines.mongodb_contents import Collection, defined, definition_line, definition_of, files_of, named
from aishell_ops.backups.storage.keys import checked


def test_each_collection_has_a_file_of_its_own_that_a_storage_takes() -> None:
    names = ["orders", "Orders", "definitions", "a/b", "../x", "", "é", "x" * 300, "a.b", "--help", "n\n", "0003.n_"]
    files = files_of([Collection(name, "collection", {}) for name in names] + [Collection("seen", "view", {})])
    assert set(files) == set(names)
    assert len({file.lower() for file in files.values()} | {"definitions.json"}) == len(names) + 1
    assert files["orders"] == "orders.json"
    assert files["a.b"] == "a.b.json"
    for file in files.values():
        assert checked(f"parts/{file}.zst.age")


def test_a_definition_comes_back_with_its_types() -> None:
    options = {"capped": True, "size": Int64(5), "validator": {"a": {"$regex": Regex("^a", "i"), "$oid": 1}}}
    indexes = [{"v": 2, "key": {"_id": 1}, "name": "_id_"}, {"v": 2, "key": {"b": 1, "a": -1.0}, "name": "x", "ns": "shop.o"}]
    one = defined("o d\n", "collection", {**options, "temp": True}, indexes)
    back, file = definition_of(definition_line(one, "f.json"))
    assert (back.name, back.kind, file) == ("o d\n", "collection", "f.json")
    assert back.definition_hash() == one.definition_hash()
    assert back.indexing("other") == {"createIndexes": "other", "indexes": [{"key": {"b": 1, "a": -1.0}, "name": "x"}]}
    assert list(back.creation("other")) == ["create", "capped", "size", "validator"]


def test_what_makes_a_difference_to_a_definition_and_what_does_not() -> None:
    key = {"key": {"a": 1}, "name": "a"}
    other = {"key": {"b": 1}, "name": "b"}
    one = Collection("x", "collection", {}, (key, other))
    assert one.definition_hash() == Collection("y", "collection", {}, (other, key)).definition_hash()
    for different in (
        Collection("x", "collection", {}, (key,)),
        Collection("x", "view", {}, (key, other)),
        Collection("x", "collection", {"capped": True}, (key, other)),
        Collection("x", "collection", {}, ({**key, "unique": True}, other)),
        Collection("x", "collection", {}, ({"key": {"a": Int64(1)}, "name": "a"}, other)),
    ):
        assert different.definition_hash() != one.definition_hash()


def test_a_collection_is_meant_by_its_name_with_and_without_its_database() -> None:
    assert named("shop.orders", ["orders", "shop.orders.old"], "shop") == "orders"
    with pytest.raises(UsageError) as caught:
        named("shop.ordrs", ["orders"], "shop")
    assert caught.value.hint in {"did you mean orders?", "did you mean shop.orders?"}


@pytest.mark.parametrize("line", [b"{}", b"[]", b"x", b'{"create": 5, "kind": "collection"}'])
def test_what_is_no_definition_is_told(line: bytes) -> None:
    with pytest.raises(ValueError) as caught:
        definition_of(line)
    assert str(caught.value)

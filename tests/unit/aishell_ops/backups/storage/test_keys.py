"""Keys of objects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_ops.backups.errors import StorageError
from aishell_ops.backups.storage.keys import as_part, checked, from_part


@given(st.text(max_size=20))
def test_any_name_becomes_a_part_and_comes_back(name: str) -> None:
    part = as_part(name)
    assert checked(part) == part
    assert "/" not in part
    assert from_part(part) == name


@given(st.text(max_size=8), st.text(max_size=8))
def test_two_names_never_share_a_part(one: str, other: str) -> None:
    if one != other:
        assert as_part(one) != as_part(other)


def test_a_name_that_no_storage_takes_is_refused() -> None:
    with pytest.raises(StorageError, match="too long"):
        as_part("x" * 300)

"""Names of backups."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.errors import UsageError
from aishell_ops.backups.ids import find_id, is_id, new_id
from aishell_ops.backups.models import BackupId

KNOWN = tuple(map(BackupId, ("20261120-020000-aaaa", "20261121-020000-k3f9", "20261121-120000-p0p0")))


@given(st.floats(0, 4e9), st.floats(0, 4e9))
def test_ids_sort_by_time(first: float, second: float) -> None:
    earlier, later = sorted((int(first), int(second)))
    if earlier != later:
        assert new_id(earlier) < new_id(later)


def test_an_id_has_the_form_of_one() -> None:
    assert is_id(new_id(1795226400.0))
    assert new_id(1795226400.9, lambda letters: letters[-1]) == "20261121-020000-zzzz"
    assert not is_id("20261121")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("latest", KNOWN[2]),
        ("20261120", KNOWN[0]),
        ("k3f9", KNOWN[1]),
        ("20261121-020000-k3f9", KNOWN[1]),
    ],
)
def test_people_may_shorten_an_id(text: str, found: str) -> None:
    assert find_id(text, KNOWN) == found


@pytest.mark.parametrize(
    ("text", "known", "words"),
    [
        ("20261121", KNOWN, "beginning of 2 backups"),
        ("20261121-020000-k3f8", KNOWN, "there is no backup 20261121-020000-k3f8"),
        ("latest", (), "none at all"),
        ("", KNOWN, "there is no backup"),
    ],
)
def test_what_names_none_or_several_is_told(text: str, known: tuple[BackupId, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        find_id(text, known)


def test_the_nearest_id_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        find_id("20261121-020000-k3f8", KNOWN)
    assert caught.value.hint == "did you mean 20261121-020000-k3f9?"

"""Names in another engine: short enough, all different, and those that fit as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_ops.backups.rows.names import NameRules, fitted

RULES = {
    "bytes": NameRules(63, counts_bytes=True),
    "signs": NameRules(64, folds=True, basic=True),
    "any": NameRules(1000, folds=True),
    "documents": NameRules(190, counts_bytes=True, forbidden=".$"),
}


@pytest.mark.parametrize("rules", RULES.values(), ids=list(RULES))
@given(names=st.lists(st.text(min_size=1, max_size=100), max_size=8, unique=True), taken=st.lists(st.text(min_size=1, max_size=5)))
def test_names_fit_and_are_all_different(rules: NameRules, names: list[str], taken: list[str]) -> None:
    found = fitted(names, rules, taken)
    folded = [name.casefold() if rules.folds else name for name in found]
    assert len(set(folded)) == len(names)
    assert not set(folded) & {name.casefold() if rules.folds else name for name in taken}
    assert all(0 < (len(name.encode()) if rules.counts_bytes else len(name)) <= rules.longest for name in found)
    assert not any(sign in name for name in found for sign in f"\0{rules.forbidden}")
    assert fitted(names, rules, taken) == found


def test_a_name_that_fits_stays_and_its_twin_gives_way() -> None:
    assert fitted(("a", "A", "b"), RULES["signs"])[0] == "a"
    assert fitted(("a", "A", "b"), RULES["signs"])[1].startswith("A_")
    assert fitted(("a", "A", "b"), RULES["bytes"]) == ("a", "A", "b")
    assert fitted(("b",), RULES["bytes"], ("b",))[0].startswith("b_")

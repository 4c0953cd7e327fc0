"""Whether two URLs lead to the same server: for certain, and likely enough to be careful."""

from __future__ import annotations

from pathlib import Path

import pytest

from aishell_core.neighbours import is_same_server, may_be_same_server
from aishell_core.targets import parse_location


@pytest.mark.parametrize(
    ("one", "other", "certain", "likely"),
    [
        ("postgresql://a/x", "postgresql://me:secret@A./y", True, True),
        ("postgresql://a:5432/x", "postgresql://a/x", False, True),
        ("postgresql://a:5432/x", "postgresql://a:5433/x", False, False),
        ("postgresql://a/x", "postgresql://b/x", False, False),
        ("postgresql://a,b/x", "postgresql://b/x", False, True),
        ("postgresql://a/x", "postgresql://a/x?hostaddr=192.0.2.1", False, True),
        ("postgresql:///x", "postgresql://localhost/y", False, True),
        ("postgresql://127.0.0.1:5433/x", "postgresql://[::1]:5433/x", False, True),
        ("postgresql://%2Frun%2Fpg/x", "postgresql://localhost:5433/x", False, True),
        ("postgresql://a/x", "mysql://a/x", False, False),
        ("mysql://a/x", "mariadb://a:3306/y", False, True),
        ("redis://a/1", "redis://a:6379/2", True, True),
    ],
)
def test_urls_are_compared(one: str, other: str, certain: bool, likely: bool) -> None:
    for left, right in ((one, other), (other, one)):
        assert (
            is_same_server(parse_location(left), parse_location(right)),
            may_be_same_server(parse_location(left), parse_location(right)),
        ) == (
            certain,
            likely,
        )


def test_files_are_the_same_wherever_links_lead(tmp_path: Path) -> None:
    (tmp_path / "app.db").touch()
    (tmp_path / "link.db").symlink_to("app.db")
    found = [parse_location(f"sqlite:///{tmp_path}/{name}.db") for name in ("app", "link", "other")]
    assert is_same_server(found[0], found[1])
    assert not may_be_same_server(found[0], found[2])

"""A missing server skips a test at a desk and fails it where servers are required."""

from __future__ import annotations

import pytest
from _pytest.outcomes import Failed, Skipped

from tests.servers.required import REQUIRE_SERVERS, require_server


def test_an_installed_server_is_found() -> None:
    assert require_server("the shell", "no-such-shell", "sh").name == "sh"


def test_a_missing_server_skips_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRE_SERVERS, raising=False)
    with pytest.raises(Skipped, match="Nothing is not installed"):
        require_server("Nothing", "no-such-server")


def test_a_missing_server_fails_where_servers_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRE_SERVERS, "1")
    with pytest.raises(Failed, match="requires it"):
        require_server("Nothing", "no-such-server")

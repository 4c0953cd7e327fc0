"""The file of services: each line as libpq takes it, which was tried with psql."""

from __future__ import annotations

from pathlib import Path

import pytest

from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.engines.postgres_services import read_service, service_settings


def test_a_service_is_taken_from_the_first_file_that_has_it(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("# c\n[one]\nhost=h\npassword=50%off=#1\n")
    second.write_text("[two]\nhost=z\n")
    assert read_service("one", (first, second)) == {"host": "h", "password": "50%off=#1"}
    assert read_service("two", (tmp_path / "none", first, second)) == {"host": "z"}
    with pytest.raises(PostgresError, match="'three' is not described in"):
        read_service("three", (first, second))
    with pytest.raises(PostgresError, match="there is no file"):
        read_service("three", (tmp_path / "none",))
    with pytest.raises(PostgresError, match="cannot be read"):
        read_service("two", (tmp_path,))
    second.write_bytes(b"[two]\ndbname=caf\xe9\n")
    assert read_service("two", (second,)) == {"dbname": "caf\udce9"}


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("[a]\nhost=h\n  port=1\n", {"host": "h", "port": "1"}),
        ("  [a]\n\thost=h\n   # user=x\n", {"host": "h"}),
        ("[a]\nhost=h \t\r\n", {"host": "h"}),
        ("[a]\nhost= h\n", {"host": " h"}),
        ("[a]\nhost=h # no remark\n", {"host": "h # no remark"}),
        ("[a]\nhost=h\nhost=i\n[a]\nport=1\n", {"host": "h"}),
        ("[a] x\nhost=h\n", {"host": "h"}),
        ("odd\n[b]\nodd\n[a]\nhost=h\n[c]\nodd\n", {"host": "h"}),
        ("[ab]\nhost=h\n", None),
        ("host=h\n", None),
        ("[a]\n", {}),
    ],
)
def test_a_line_is_taken_as_libpq_takes_it(text: str, settings: dict[str, str] | None) -> None:
    assert service_settings("a", text, "f") == settings


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("host = h", "line 3 of f has blanks before its ="),
        ("host", "line 3 of f is no setting"),
        ("service=b", "line 3 of f names another service"),
        ("ldap://d/o=x", r"line 3 of f asks a directory \(LDAP\)"),
    ],
)
def test_a_line_that_is_no_setting_is_refused_with_its_place(line: str, said: str) -> None:
    with pytest.raises(PostgresError, match=said) as refused:
        service_settings("a", f"[a]\n\n{line}\n", "f")
    assert refused.value.hint

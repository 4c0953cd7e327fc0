"""Panes as files."""

import csv
import io
import json
from pathlib import Path

import pytest

from aishell_core.errors import StateError
from aishell_tui.export import PaneData, to_csv, to_json, write_file

PANE = PaneData("queries", ("text", "mean_milliseconds"), (("=HYPERLINK('x')", 1.5), ('a "b", c\nd', None)))


def test_csv_survives_quotes_line_breaks_and_formulas() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(PANE))))
    assert rows == [["text", "mean_milliseconds"], ["'=HYPERLINK('x')", "1.5"], ['a "b", c\nd', ""]]


def test_json_names_each_value_and_the_moment() -> None:
    assert json.loads(to_json(PANE, 0)) == {
        "title": "queries",
        "generated_at": "1970-01-01T00:00:00Z",
        "rows": [
            {"text": "=HYPERLINK('x')", "mean_milliseconds": 1.5},
            {"text": 'a "b", c\nd', "mean_milliseconds": None},
        ],
    }


def test_a_file_is_private_and_its_name_is_harmless(tmp_path: Path) -> None:
    path = write_file(tmp_path / "exports", "../../etc/pass wd", "csv", "x")
    assert path.parent == tmp_path / "exports"
    assert path.read_text() == "x"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_made_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError) as caught:
        write_file(tmp_path / "file" / "exports", "pane", "csv", "x")
    assert "AISHELL_HOME" in caught.value.hint

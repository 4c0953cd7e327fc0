"""Bad configuration files and exactly what is said about them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.documents.document import parse_document
from aishell_core.documents.problems import InvalidConfigError, Problem
from aishell_core.errors import ConfigError, ExitCode
from aishell_tui.config.check import check_document
from aishell_tui.config.fields import Surroundings
from aishell_tui.config.load import load_config

SECRET = "hunter2"


def _cases() -> list[tuple[str, str, str]]:
    text = (Path(__file__).parent / "bad_configs.txt").read_text(encoding="utf-8")
    cases = []
    for block in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
        title, _, rest = block.partition("\n")
        content, _, message = rest.partition("\n--- says\n")
        cases.append((title, content + "\n", message.strip("\n")))
    return cases


def _message(path: Path) -> str:
    with pytest.raises(InvalidConfigError) as caught:
        load_config(path, environ={})
    assert caught.value.exit_code == ExitCode.CONFIG
    return str(caught.value).replace(str(path), "FILE")


def test_the_table_is_a_table() -> None:
    """At least 25 different bad files are looked at."""
    assert len({title for title, _, _ in _cases()}) >= 45


@pytest.mark.parametrize(("content", "message"), [pytest.param(content, message, id=title) for title, content, message in _cases()])
def test_what_is_said_about_a_bad_file(tmp_path: Path, content: str, message: str) -> None:
    """File, line, column, what is wrong, the line with a caret, the nearest valid name; never a secret."""
    path = tmp_path / "config.yaml"
    path.write_text(content, encoding="utf-8")
    said = _message(path)
    assert said == message
    assert SECRET not in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            b"dashboard:\n\ttheme: day\n",
            "FILE:2:1: a tab cannot start a value; YAML is indented by spaces\n       2 |  theme: day\n         | ^\n"
            "    hint: replace the tab by spaces",
            id="tab",
        ),
        pytest.param(
            b"dashboard:\n  theme: da\x07y\n",
            "FILE:2:12: a control character is not allowed in YAML\n       2 |   theme: da y\n         |            ^\n    hint: remove it",
            id="control character",
        ),
        pytest.param(b"", "FILE: the file is empty\n    hint: aishell config init writes a starter file", id="empty"),
        pytest.param(b" \n\n", "FILE: the file is empty\n    hint: aishell config init writes a starter file", id="blank"),
        pytest.param(
            b"dashboard:\n  theme: \xe4 day\n", "FILE:2:10: byte 0xe4 is not UTF-8\n    hint: save the file as UTF-8", id="not UTF-8"
        ),
        pytest.param(
            b"[" * 60,
            f"FILE:1:51: the values are nested too deeply\n       1 | {'[' * 60}\n         | {' ' * 50}^\n    hint: 50 levels are allowed",
            id="nested too deeply",
        ),
        pytest.param(b"# " + b"x" * (1 << 20), "FILE: the file is larger than 1 MiB, so it is no configuration of aishell", id="too large"),
        pytest.param(
            b"thresholds: [1, 2]\n",
            "FILE:1:13: a set of keys is wanted here, but a list was found\n       1 | thresholds: [1, 2]\n         |             ^",
            id="thresholds that are a list",
        ),
    ],
)
def test_what_is_said_about_bad_bytes(tmp_path: Path, content: bytes, message: str) -> None:
    """Tabs, control characters, other encodings and nothing at all are told as well."""
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    assert _message(path) == message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that was asked for must be there."""
    assert _message(tmp_path / "none.yaml") == "FILE: there is no such file\n    hint: aishell config init writes a starter file"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder is told from a file."""
    assert _message(tmp_path) == "FILE: this is a folder, not a file\n    hint: name the file in it, such as FILE/config.yaml"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    """A file that may not be read says so."""
    path = tmp_path / "config.yaml"
    path.write_text("dashboard: {}\n")
    path.chmod(0)
    assert _message(path) == "FILE: the file cannot be read: Permission denied\n    hint: check its owner and its mode"


def test_a_file_that_is_a_loop_of_links_is_told(tmp_path: Path) -> None:
    """What the operating system refuses becomes a sentence."""
    path = tmp_path / "config.yaml"
    path.symlink_to(path)
    assert "FILE: the file cannot be read: Too many levels of symbolic links" in _message(path)


def test_errors_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    """The user's file and the working folder's are both checked before anything is said."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.yaml").write_text("dashbord: {}\n")
    (tmp_path / ".ai-shell").mkdir()
    (tmp_path / ".ai-shell" / "dashboard.yml").write_text("history: {enabled: on}\n")
    with pytest.raises(InvalidConfigError) as caught:
        load_config(environ={"AISHELL_HOME": str(tmp_path / "home"), "AISHELL_INTERVAL": "5"}, working_folder=tmp_path)
    assert [problem.what for problem in caught.value.problems] == [
        "unknown key 'dashbord'",
        "true or false is wanted here, but a text was found",
        "5 has no unit",
    ]
    assert caught.value.problems[2].source == "environment variable AISHELL_INTERVAL"


_SAFE = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="'\"#{}[]|>&*!%@`,\\"), min_size=6, max_size=20)


@given(password=_SAFE, port=st.sampled_from(["", ":x", ":99999999"]), scheme=st.sampled_from(["postgresql", "mysql", "pg", "redis"]))
def test_a_password_in_a_url_is_never_said(password: str, port: str, scheme: str) -> None:
    """Whatever else is wrong with the line, the password stays out of the message."""
    word = f"Q9{password}Z"
    text = f"targets:\n  - name: app\n    url: {scheme}://app:{word}@db{port}/x\n    colour: red\n"
    with pytest.raises(ConfigError) as caught:
        check_document(parse_document("f.yaml", text), Surroundings(Path("/")))
    assert word not in str(caught.value)


@given(text=st.text(max_size=200))
def test_any_text_is_a_document_or_a_message(text: str) -> None:
    """No text makes the reader fail in another way."""
    problems: tuple[Problem, ...] = ()
    lines: tuple[str, ...] = ()
    try:
        lines = parse_document("f.yaml", text).lines
    except InvalidConfigError as error:
        problems = error.problems
    assert problems or lines

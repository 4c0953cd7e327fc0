"""Documents that somebody wrote to do harm are refused with a place, and cost little."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aishell_core.documents.document import parse_document, read_document
from aishell_core.documents.problems import InvalidConfigError


def _message(text: str) -> str:
    with pytest.raises(InvalidConfigError) as caught:
        parse_document("FILE", text)
    return str(caught.value)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_any_depth_is_refused_and_none_ends_the_program(opening: str) -> None:
    """libyaml overruns its stack at some ten thousand levels, so they are counted first."""
    assert "the values are nested too deeply" in _message(opening * 200_000)


def test_the_deepest_that_is_allowed_is_read() -> None:
    depth = 50
    assert parse_document("FILE", "[" * depth + "]" * depth).content is not None


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "more than 100,000 values" in _message("\n".join(lines))


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['id']",
        "a: !!python/name:os.system x",
        "!!python/object/new:os.system [id]",
        "a: !include /etc/passwd",
        "a: !!binary aGVsbG8=",
        "a: ! x",
        "? !!python/tuple [x]\n: 1",
    ],
)
def test_tags_are_refused_at_their_place(text: str) -> None:
    """A tag is never silently left out, because the text would mean another thing without it."""
    message = _message(text)
    assert message.startswith("FILE:1:")
    assert "only plain values are read" in message


@pytest.mark.parametrize("text", ["a: !!str 5", "a: !!int 5", "a: !!map {b: 1}", "a: 2026-01-01", "a: !!seq [x]"])
def test_tags_of_plain_values_are_read(text: str) -> None:
    assert isinstance(parse_document("FILE", text).content, dict)


def test_a_file_without_end_is_refused_before_it_fills_memory(tmp_path: Path) -> None:
    path = tmp_path / "endless.yml"
    path.symlink_to("/dev/zero")
    with pytest.raises(InvalidConfigError, match="larger than 1 MiB"):
        read_document(path)


def test_where_only_files_are_wanted_nothing_else_is_opened(tmp_path: Path) -> None:
    """A pipe that nobody writes to would hold up the reader for ever."""
    pipe, device = tmp_path / "pipe.yml", tmp_path / "device.yml"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    for path in (pipe, device):
        with pytest.raises(InvalidConfigError, match="no regular file"):
            read_document(path, only_regular=True)


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.yml"
    path.write_text("a: x\n" + "# comment\n" * 200_000, encoding="utf-8")
    with pytest.raises(InvalidConfigError, match="larger than 1 MiB"):
        read_document(path, only_regular=True)

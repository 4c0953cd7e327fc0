"""Every command helps: what it does, what its options mean, and an example."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from aishell_tui.cli.pages import Command, all_pages, command_tree, examples_of
from tests.command_line import run_here

COMMANDS = dict(command_tree())
DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_options_and_examples(name: str) -> None:
    """Help text, a help text for every option and argument, and at least one example that begins with the command."""
    command: Command = COMMANDS[name]
    assert command.help
    assert command.help.strip().splitlines()[0].endswith(".")
    for parameter in command.params:
        assert parameter.help, f"{name} {parameter.name}"
    examples = examples_of(command)
    assert examples
    assert all(name in example for example in examples)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_plain_text_and_fits_a_small_terminal(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--help exits with 0, shows the examples as they are, and holds no markup; prose fits 80 columns."""
    ran = run_here(capsys, *name.split()[1:], "--help")
    assert ran.code == 0
    assert "\x1b" not in ran.out
    prose, _, examples = ran.out.partition("Examples:")
    assert all(len(line) <= 80 for line in prose.splitlines())
    assert all(f"    {example}" in examples for example in examples_of(COMMANDS[name]))


def test_the_list_of_commands_is_not_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line of the list says the whole first sentence."""
    listed = run_here(capsys, "--help").out.partition("Commands:")[2]
    assert listed.count("\n") >= 11
    assert "..." not in listed


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_valid_shell(name: str) -> None:
    """A shell can read every example."""
    for example in examples_of(COMMANDS[name]):
        assert shlex.split(example, comments=True)
        assert subprocess.run(["sh", "-n", "-c", example], check=False).returncode == 0


@pytest.mark.parametrize("page", all_pages())
def test_the_reference_pages_are_up_to_date(page: str) -> None:
    """What is in docs/ is what `aishell docs build docs` would write now."""
    assert (DOCS / page).read_text(encoding="utf-8") == all_pages()[page], "run: aishell docs build docs"


def test_docs_build_writes_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check fails for a page that is missing or old, and passes after they were written."""
    assert run_here(capsys, "docs", "build", str(tmp_path / "docs"), "--check").code == 64
    assert run_here(capsys, "docs", "build", str(tmp_path / "docs")).code == 0
    assert run_here(capsys, "docs", "build", str(tmp_path / "docs"), "--check").code == 0
    (tmp_path / "docs" / "metrics.md").write_text("old")
    ran = run_here(capsys, "docs", "build", str(tmp_path / "docs"), "--check")
    assert (ran.code, ran.err.splitlines()[0]) == (64, "aishell: not up to date: metrics.md")


@pytest.mark.parametrize("word", ["json", "metrics", "configuration", "commands"])
def test_pages_are_printed(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`aishell docs json` prints the page docs/json.md."""
    assert run_here(capsys, "docs", word).out.strip() == all_pages()[f"{word}.md"].strip()


def test_tables_of_the_pages_are_whole() -> None:
    """No cell breaks its row: each row has as many cells as the heading."""
    for text in all_pages().values():
        counts = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")]
        tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
        assert counts
        for table in tables:
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1

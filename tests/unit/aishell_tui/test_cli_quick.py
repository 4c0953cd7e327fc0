"""The short way to the demo does what the long way does."""

from pathlib import Path

import pytest

from aishell_tui.cli.dashboard import dashboard_options
from aishell_tui.cli.quick import is_plain_demo
from aishell_tui.config.load import load_config
from aishell_tui.options import DashboardOptions


def test_the_defaults_are_those_of_an_empty_configuration(tmp_path: Path) -> None:
    loaded = load_config(None, environ={"AISHELL_HOME": str(tmp_path)}, working_folder=tmp_path)
    assert dashboard_options(loaded, (), wall=False) == DashboardOptions()


@pytest.mark.parametrize("arguments", [[], ["demo"]])
def test_a_demo_with_nothing_configured_is_plain(arguments: list[str], tmp_path: Path) -> None:
    assert is_plain_demo(arguments, {"AISHELL_HOME": str(tmp_path)}, tmp_path)


@pytest.mark.parametrize("arguments", [["demo", "--wall"], ["--version"], ["status"], ["--json"], ["demo", "x"]])
def test_anything_else_is_read_by_the_command_line(arguments: list[str], tmp_path: Path) -> None:
    assert not is_plain_demo(arguments, {"AISHELL_HOME": str(tmp_path)}, tmp_path)


def test_a_configuration_is_always_read(tmp_path: Path) -> None:
    environ = {"AISHELL_HOME": str(tmp_path)}
    assert not is_plain_demo([], {**environ, "AISHELL_THEME": "day"}, tmp_path)
    (tmp_path / ".ai-shell").mkdir()
    (tmp_path / ".ai-shell" / "dashboard.yml").write_text("dashboard: {theme: day}")
    assert not is_plain_demo([], environ, tmp_path)
    (tmp_path / ".ai-shell" / "dashboard.yml").unlink()
    (tmp_path / "config.yaml").write_text("")
    assert not is_plain_demo([], environ, tmp_path)

"""The short way to the dashboard does what the long way does."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aishell_tui.authority import authority_of, authority_without_roles
from aishell_tui.cli.dashboard import dashboard_options
from aishell_tui.cli.quick import demo, plain_words, quick_way
from aishell_tui.config.command_line import named_targets
from aishell_tui.config.load import load_config
from aishell_tui.options import DashboardOptions
from tests.command_line import PROGRAM, run_process


def test_the_defaults_are_those_of_an_empty_configuration(tmp_path: Path) -> None:
    loaded = load_config(None, environ={"AISHELL_HOME": str(tmp_path)}, working_folder=tmp_path)
    assert dashboard_options(loaded, (), wall=False) == DashboardOptions()


@pytest.mark.parametrize("arguments", [[], ["demo"]])
def test_a_demo_with_nothing_configured_is_plain(arguments: list[str], tmp_path: Path) -> None:
    assert quick_way(arguments, {"AISHELL_HOME": str(tmp_path)}, tmp_path) is demo


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target", "mysql://root@127.0.0.1:3306/shop"], ("mysql://root@127.0.0.1:3306/shop",)),
        (["monitor", "-t", "a.db", "--target=./b"], ("a.db", "./b")),
        (["monitor"], ()),
    ],
)
def test_databases_alone_are_plain(arguments: list[str], words: tuple[str, ...], tmp_path: Path) -> None:
    assert plain_words(arguments) == words
    assert quick_way(arguments, {"AISHELL_HOME": str(tmp_path)}, tmp_path) is not None


def test_who_may_do_what_where_nothing_is_configured_is_what_an_empty_configuration_says(tmp_path: Path) -> None:
    targets = named_targets(("postgresql://db/app", "a.db"), {}, tmp_path)
    quick, whole = authority_without_roles(targets), authority_of(load_config(working_folder=tmp_path), targets)
    assert quick == replace(whole, within=None)
    for target in targets:
        assert quick.place(target, "another") == whole.place(target, "another")


def test_a_terminal_is_asked_for_in_the_same_words(tmp_path: Path) -> None:
    environment = {"AISHELL_HOME": str(tmp_path)}
    short = run_process("--target", "a.db", environment=environment, cwd=tmp_path)
    long = run_process("--target", "a.db", "--read-only", environment=environment, cwd=tmp_path)
    assert (short.code, short.out, short.err) == (long.code, long.out, long.err)
    assert short.code == 64


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--wall"],
        ["--version"],
        ["status"],
        ["--json"],
        ["demo", "x"],
        ["--target"],
        ["--target", ""],
        ["--target="],
        ["--target", "orders"],
        ["--target", "--help"],
        ["--target", "a.db", "--read-only"],
        ["--target", "a.db", "status"],
        ["status", "--target", "a.db"],
        ["--target", "postgresql://ann:secret@db/app"],
        ["-t=a.db"],
        ["--", "--target", "a.db"],
    ],
)
def test_anything_else_is_read_by_the_command_line(arguments: list[str], tmp_path: Path) -> None:
    assert not quick_way(arguments, {"AISHELL_HOME": str(tmp_path)}, tmp_path)


def test_a_configuration_is_always_read(tmp_path: Path) -> None:
    environ = {"AISHELL_HOME": str(tmp_path)}
    assert not quick_way([], {**environ, "AISHELL_THEME": "day"}, tmp_path)
    (tmp_path / ".ai-shell").mkdir()
    (tmp_path / ".ai-shell" / "dashboard.yml").write_text("dashboard: {theme: day}")
    assert not quick_way([], environ, tmp_path)
    (tmp_path / ".ai-shell" / "dashboard.yml").unlink()
    (tmp_path / "config.yaml").write_text("")
    assert not quick_way([], environ, tmp_path)


@pytest.mark.parametrize("variable", ["_AISHELL_COMPLETE", "_AI_SHELL_COMPLETE"])
def test_a_shell_that_completes_is_not_answered_by_the_demo(variable: str, tmp_path: Path) -> None:
    assert not quick_way([], {"AISHELL_HOME": str(tmp_path), variable: "complete_bash"}, tmp_path)


@pytest.mark.parametrize("name", ["aishell", "ai-shell"])
def test_the_shell_completes_with_nothing_configured_under_both_names(name: str, tmp_path: Path) -> None:
    """As the script of --show-completion calls the program: no argument, the line in the environment."""
    variable = f"_{name.replace('-', '_').upper()}_COMPLETE"
    line = {variable: "complete_bash", "COMP_WORDS": f"{name} health", "COMP_CWORD": "1", "AISHELL_HOME": str(tmp_path)}
    ran = run_process(command=(PROGRAM.with_name(name),), environment=line, cwd=tmp_path)
    assert (ran.code, ran.out.split(), ran.err) == (0, ["health-check"], "")


@pytest.mark.parametrize("name", ["aishell", "ai-shell"])
def test_the_completion_script_is_for_the_name_that_was_called(name: str, tmp_path: Path) -> None:
    home = {"AISHELL_HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    ran = run_process("--show-completion", "bash", command=(PROGRAM.with_name(name),), environment=home, cwd=tmp_path)
    assert ran.code == 0
    assert f"_{name.replace('-', '_').upper()}_COMPLETE" in ran.out


def test_the_first_frame_of_the_demo_waits_for_no_driver_parser_or_room_of_alerts() -> None:
    program = (
        "import sys, aishell_tui.cli.boundary, aishell_tui.cli.quick, aishell_tui.launch, aishell_tui.demo.launch, aishell_tui.app\n"
        "import collectors.host.collector, collectors.sqlite.collector\n"
        "print(*sys.modules, sep='\\n')"
    )
    loaded = set(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split())
    assert {"textual", "aishell_tui.alert_feed"} <= loaded
    assert not loaded & {"asyncpg", "aiomysql", "motor", "redis", "pg8000", "oracledb", "pydantic", "yaml", "sqlglot", "typer", "apprise"}
    assert {name for name in loaded if name.startswith("alerts.")} == {"alerts.level"}

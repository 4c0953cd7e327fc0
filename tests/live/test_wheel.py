"""The wheel holds what it needs, nothing of others, and works alone in a clean environment."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.terminal import opened, surroundings

ROOT = Path(__file__).parents[2]
PACKAGES = {"aishell_core", "alerts", "aishell_ops", "aishell_tui", "collectors", "themes", "widgets"}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--wheel-dir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a clean environment into which the wheel alone was installed."""
    environment = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    subprocess.run(
        [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--retries",
            "10",
            "--constraint",
            ROOT / "constraints.txt",
            wheel,
        ],
        check=True,
        capture_output=True,
        timeout=900,
    )
    return python.parent


def members(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(wheel: Path) -> None:
    """SQL, TOML, style sheets and type markers come along; tests and benchmarks do not."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *sorted(PACKAGES)],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    in_tree = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    in_wheel = {name for name in members(wheel) if ".dist-info/" not in name}
    assert in_wheel == in_tree
    assert {Path(name).suffix for name in in_wheel} >= {".py", ".sql", ".toml", ".tcss", ".typed", ".yaml"}


def test_every_package_says_that_it_is_typed(wheel: Path) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= members(wheel)


def test_the_licence_comes_along(wheel: Path) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in members(wheel))


def test_the_top_level_packages_belong_to_this_distribution_alone(programs: Path) -> None:
    """No dependency installs into a package of ours, and we install into none of theirs."""
    script = "import importlib.metadata as m, json; print(json.dumps({k: sorted(set(v)) for k, v in m.packages_distributions().items()}))"
    shown = subprocess.run([programs / "python", "-c", script], capture_output=True, check=True, text=True, cwd=programs)
    owners: dict[str, list[str]] = json.loads(shown.stdout)
    assert {package for package, names in owners.items() if "aishell-tui" in names} == PACKAGES
    assert all(owners[package] == ["aishell-tui"] for package in PACKAGES)


@pytest.mark.parametrize("program", ["aishell", "ai-shell"])
def test_both_names_of_the_command_tell_the_version(programs: Path, program: str, tmp_path: Path) -> None:
    shown = subprocess.run([programs / program, "--version"], capture_output=True, check=True, text=True, cwd=tmp_path)
    assert "0.1.0" in shown.stdout


def test_status_works_without_any_configuration(programs: Path, tmp_path: Path) -> None:
    """Without a target there is nothing to tell, and that is said instead of a traceback."""
    shown = subprocess.run([programs / "aishell", "status"], capture_output=True, text=True, cwd=tmp_path, env=surroundings(tmp_path))
    assert "Traceback" not in shown.stdout + shown.stderr
    assert "aishell connect" in shown.stdout + shown.stderr


def test_the_demo_runs_in_a_terminal(programs: Path, tmp_path: Path) -> None:
    with opened([programs / "aishell", "demo"], surroundings(tmp_path), columns=100, rows=30, cwd=tmp_path) as terminal:
        terminal.wait_for("shop")
        terminal.send("3")
        terminal.wait_for("SELECT")
        terminal.send("q")
        assert terminal.wait_for_end() == 0

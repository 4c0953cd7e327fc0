"""What the files of the project promise as files."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# Written in two halves, so that this file does not hold what it looks for.
REGISTRY_HOSTS = tuple(
    "".join(halves)
    for halves in (
        ("pypi", ".org"),
        ("python", "hosted.org"),
        ("npm", "js.org"),
        ("proxy.golang", ".org"),
        ("crates", ".io"),
        ("docker", ".io"),
        ("quay", ".io"),
        ("ghcr", ".io"),
        ("deb.debian", ".org"),
    )
)
INDEX_OPTION = re.compile("--(?:extra-)?" + "index-url|PIP_" + "INDEX_URL")


def project_files() -> tuple[Path, ...]:
    """All files of the project that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())


def test_no_file_names_a_package_registry() -> None:
    """Which registry is used is the configuration of the machine, never of the project."""
    guilty = []
    for path in project_files():
        text = path.read_bytes().decode(errors="replace")
        guilty += [f"{path.relative_to(ROOT)}: {host}" for host in REGISTRY_HOSTS if host in text]
        guilty += [f"{path.relative_to(ROOT)}: index option" for _ in INDEX_OPTION.findall(text)]
    assert guilty == []


def test_every_dependency_is_pinned_exactly() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["dependencies"] + [entry for extra in project["optional-dependencies"].values() for entry in extra]
    names = {re.split(r"[^A-Za-z0-9._-]", entry)[0].lower().replace("_", "-") for entry in declared} - {"aishell-tui"}
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in lines)
    assert names - pinned == set()


@pytest.mark.parametrize("target", ["run", "test", "lint", "check", "bench", "soak", "clean", "format"])
def test_make_knows_every_promised_target(target: str) -> None:
    """`make --dry-run` fails on an unknown target."""
    done = subprocess.run(["make", "--dry-run", "--no-print-directory", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_check_script_runs_lint_and_then_the_tests_once() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    calls = re.findall(r"^make (\w+)", script, re.MULTILINE)
    assert calls == ["lint", "test"]
    assert "set -euo pipefail" in script
    assert subprocess.run(["bash", "-n", ROOT / ".ci" / "run"]).returncode == 0

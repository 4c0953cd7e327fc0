"""Adding a target to a configuration file: everything else in it stays as it was."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aishell_core.documents.problems import InvalidConfigError
from aishell_core.errors import ConfigError, UsageError
from aishell_core.targets import Environment, Location, parse_location
from aishell_tui.config.load import load_config
from aishell_tui.config.save import NewTarget, add_target, new_target, write_new
from aishell_tui.config.starter import starter_text
from aishell_tui.config.targets import chosen_targets

NEW = NewTarget("new", "sqlite:///srv/new.db")
ADDED = "- name: new\n  url: sqlite:///srv/new.db\n"


def _added(indent: str) -> str:
    return "".join(f"{indent}{line}\n" for line in ADDED.splitlines())


def _saved(path: Path, text: str, target: NewTarget = NEW) -> str:
    path.write_bytes(text.encode())
    add_target(path, target, {})
    return path.read_bytes().decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", "targets:\n" + _added("  "), id="empty file"),
        pytest.param("# mine\n", "# mine\n\ntargets:\n" + _added("  "), id="comments only"),
        pytest.param("# mine\n\n", "# mine\n\ntargets:\n" + _added("  "), id="blank line at the end"),
        pytest.param("dashboard: {theme: day}", "dashboard: {theme: day}\n\ntargets:\n" + _added("  "), id="no line end"),
        pytest.param("targets:\ndashboard: {}\n", "targets:\n" + _added("  ") + "dashboard: {}\n", id="targets without a value"),
        pytest.param("targets: []  # none\n", "targets:  # none\n" + _added("  "), id="empty brackets"),
        pytest.param(
            "targets:\n  - name: a   # the first\n    url: sqlite:///a.db # here\n\n# the looks\ndashboard: {}\n",
            "targets:\n  - name: a   # the first\n    url: sqlite:///a.db # here\n" + _added("  ") + "\n# the looks\ndashboard: {}\n",
            id="comments around",
        ),
        pytest.param(
            "targets:\n- name: a\n  url: sqlite:///a.db\n  tags:\n  - x\n  - y\nhistory: {}\n",
            "targets:\n- name: a\n  url: sqlite:///a.db\n  tags:\n  - x\n  - y\n" + _added("") + "history: {}\n",
            id="not indented",
        ),
        pytest.param(
            "targets:\n      - {name: a, url: 'sqlite:///a.db',\n         tags: [x]}   # folded\n",
            "targets:\n      - {name: a, url: 'sqlite:///a.db',\n         tags: [x]}   # folded\n" + _added("      "),
            id="deeply indented, braces over two lines",
        ),
        pytest.param(
            "targets:\n  - name: a\n    url: >-\n      sqlite:///a.db\n\n\nhistory: {}\n",
            "targets:\n  - name: a\n    url: >-\n      sqlite:///a.db\n" + _added("  ") + "\n\nhistory: {}\n",
            id="block text",
        ),
        pytest.param(
            "targets:\r\n  - name: a\r\n    url: sqlite:///a.db\r\n",
            "targets:\r\n  - name: a\r\n    url: sqlite:///a.db\r\n" + _added("  ").replace("\n", "\r\n"),
            id="line ends of Windows",
        ),
        pytest.param("\ufefftargets: []\n", "\ufefftargets:\n" + _added("  "), id="byte order mark"),
    ],
)
def test_only_the_new_lines_are_added(tmp_path: Path, before: str, after: str) -> None:
    """Comments, blank lines, indentation, line ends: all of it stays."""
    path = tmp_path / "config.yaml"
    assert _saved(path, before) == after
    assert "new" in [loaded.spec.name for loaded in load_config(path, environ={}).targets]


def test_a_missing_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """The folder and the file are closed to others."""
    path = tmp_path / "home" / "config.yaml"
    add_target(path, NEW, {})
    assert path.read_text() == "targets:\n" + _added("  ")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_mode_and_link_of_the_file_stay(tmp_path: Path) -> None:
    """A file in a repository of dotfiles stays a link to it, with its mode; nothing is left beside it."""
    real = tmp_path / "dotfiles" / "aishell.yaml"
    real.parent.mkdir()
    real.write_text("targets: []\n")
    real.chmod(0o640)
    link = tmp_path / "config.yaml"
    link.symlink_to(real)
    add_target(link, NEW, {})
    assert link.is_symlink()
    assert real.read_text() == "targets:\n" + _added("  ")
    assert real.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in real.parent.iterdir()] == ["aishell.yaml"]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("targets: [{name: new, url: 'redis://a/0'}]\n", UsageError, "has a target named 'new' already"),
        ("targets: [{name: a, url: 'redis://a/0'}]\n", ConfigError, "the list of targets is written in brackets"),
        ("targets:\n  - name: a\n", InvalidConfigError, "the target 'a' has no url"),
        ("a: [\n", InvalidConfigError, "ends where a value is wanted|never closed"),
    ],
)
def test_what_cannot_be_added_leaves_the_file_alone(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    """A name that is taken, a list in brackets, a file that is wrong: refused, and nothing is written."""
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(error, match=message):
        add_target(path, NEW, {})
    assert path.read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_a_password_becomes_the_name_of_a_variable() -> None:
    """The URL is written without its password, whatever characters that has."""
    url = "postgresql://app:p@ss:w/rd@db:5433/shop?application_name=x"
    location = parse_location("postgresql://app:p%40ss@db:5433/shop")
    target = new_target("my-shop.eu", url.replace("p@ss:w/rd", "p%40ss"), location, Environment.PRODUCTION)
    assert target.lines("") == [
        "- name: my-shop.eu",
        "  url: postgresql://app@db:5433/shop?application_name=x",
        "  password: {env: MY_SHOP_EU_PASSWORD}",
        "  environment: production",
    ]


@pytest.mark.parametrize(
    ("url", "saved"),
    [
        ("postgresql://db/shop?password=p%40ss&sslmode=require", "postgresql://db/shop?sslmode=require"),
        ("postgresql:///shop?password=p%40ss", "postgresql:///shop"),
        ("postgresql://app:p%40ss@a:1,b:2/shop", "postgresql://app@a:1,b:2/shop"),
    ],
)
def test_a_password_among_the_options_becomes_one_too(url: str, saved: str) -> None:
    target = new_target("shop", url, parse_location(url), None)
    assert (target.url, target.password_variable) == (saved, "SHOP_PASSWORD")


def test_an_option_that_is_a_secret_is_refused() -> None:
    """There is no other place for it in the file than in clear."""
    url = "postgresql://app@db/shop?sslpassword=hunter2"
    with pytest.raises(UsageError) as caught:
        new_target("shop", url, parse_location(url), None)
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_file_is_written_by_its_whole_path(tmp_path: Path) -> None:
    """A relative path would mean another file from another folder."""
    (tmp_path / "app.db").write_bytes(b"")
    location = parse_location("app.db", tmp_path)
    assert new_target("app", "app.db", location, None).url == f"sqlite://{tmp_path}/app.db"


_NAME = st.from_regex(r"[A-Za-z0-9_][\w.@:+-]{0,20}", fullmatch=True)
_PATH = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_categories=["Cc"], exclude_characters="?#%/"), min_size=1)


@example(name="0\U00010000:", file="0")
@given(name=_NAME, file=_PATH)
def test_whatever_is_saved_is_read_back(tmp_path_factory: pytest.TempPathFactory, name: str, file: str) -> None:
    """Any valid name and any path survive the way through YAML."""
    path = tmp_path_factory.mktemp("save") / "config.yaml"
    add_target(path, NewTarget(name, f"sqlite:///srv/{file}.db"), {})
    (loaded,) = load_config(path, environ={}).targets
    assert loaded.spec.name == name
    assert loaded.spec.url is not None
    assert str(loaded.spec.url.location.path) == f"/srv/{file}.db"


def test_the_starter_file_takes_targets(tmp_path: Path) -> None:
    """`config init` and then `connect --save` go together."""
    path = tmp_path / "config.yaml"
    write_new(path, starter_text())
    add_target(path, NEW, {})
    add_target(path, NewTarget("second", "sqlite:///srv/second.db"), {})
    assert [loaded.spec.name for loaded in load_config(path, environ={}).targets] == ["new", "second"]
    assert path.read_text().startswith(starter_text())


def test_an_existing_file_is_not_written_over(tmp_path: Path) -> None:
    """`config init` leaves a file alone that is there."""
    path = tmp_path / "config.yaml"
    path.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        write_new(path, "other")
    assert path.read_text() == "mine"


_FILE_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(st.lists(_FILE_NAMES, min_size=1, max_size=3))
def test_the_saved_url_names_the_file_that_was_tried_whatever_its_name(names: list[str]) -> None:
    """Percent signs, question marks, hashes, ${NAME}, blanks, line ends and foreign letters included."""
    path = Path("/srv", *names)
    if len(path.parts) == 2 or path.parts[-1] == "..":
        return
    location = Location("sqlite", path=path)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "config.yaml")
        add_target(file, new_target("app", str(path), location, None), {"NAME": "x"})
        (target,) = chosen_targets(load_config(file, environ={"NAME": "x"}, working_folder=Path(folder)), ())
    assert target.location.path == path


@pytest.mark.parametrize("name", ["100%.db", "a%20b.db", "what?.db", "#1.db", "${HOME}.db", "a b.db", "straße.db", "a&b=c.db"])
def test_the_shown_url_of_a_file_can_be_given_again(tmp_path: Path, name: str) -> None:
    location = parse_location(str(tmp_path / name))
    assert parse_location(location.redacted()) == location


def test_an_option_of_a_file_that_is_a_secret_is_not_written() -> None:
    url = "sqlite:///srv/app.db?password=hunter2"
    with pytest.raises(UsageError, match="is not written into a file in clear"):
        new_target("app", url, parse_location(url), None)


_SAVE_TEN = """
import sys
from pathlib import Path
from aishell_tui.config.save import NewTarget, add_target
for number in range(10):
    add_target(Path(sys.argv[1]), NewTarget(f"{sys.argv[2]}{number}", "sqlite:///srv/x.db"), {})
"""


def test_processes_that_save_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    """Each reads, changes and replaces the file alone; the same holds for a file that is not there yet."""
    path = tmp_path / "new" / "config.yaml"
    savers = [subprocess.Popen([sys.executable, "-c", _SAVE_TEN, path, word]) for word in "abcd"]
    assert [saver.wait(60) for saver in savers] == [0, 0, 0, 0]
    names = {loaded.spec.name for loaded in load_config(path, environ={}).targets}
    assert names == {f"{word}{number}" for word in "abcd" for number in range(10)}


def test_what_a_dead_save_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    left, other = tmp_path / ".config.yaml.k3j2.new", tmp_path / "config.yaml.new"
    left.write_text("half")
    other.write_text("mine")
    add_target(tmp_path / "config.yaml", NEW, {})
    assert (left.exists(), other.read_text()) == (False, "mine")

"""Which files make up the configuration, what wins, and where each value came from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from aishell_core.clock import SystemClock
from aishell_core.documents.problems import InvalidConfigError
from aishell_core.errors import TargetError, UsageError
from aishell_core.targets import Environment, TlsPolicy
from aishell_core.values import Thresholds
from aishell_tui.config.command_line import unknown_name
from aishell_tui.config.load import VARIABLES, Configuration, load_config
from aishell_tui.config.origin import effective_values
from aishell_tui.config.presence import missing_files, missing_variables
from aishell_tui.config.targets import chosen_targets
from aishell_tui.places import find_places, make_folder, make_private
from collectors.registry import open_collector


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The user's own folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working folder with a place for a configuration of its own."""
    folder = tmp_path / "work"
    (folder / ".ai-shell").mkdir(parents=True)
    return folder


def _own(home: Path, text: str) -> None:
    (home / "config.yaml").write_text(text, encoding="utf-8")


def _project(work: Path, text: str) -> None:
    (work / ".ai-shell" / "dashboard.yml").write_text(text, encoding="utf-8")


def _load(home: Path, work: Path, environ: Mapping[str, str] | None = None) -> Configuration:
    return load_config(environ={"AISHELL_HOME": str(home), **(environ or {})}, working_folder=work)


def _origins(configuration: Configuration) -> dict[str, str]:
    return {value.key: value.origin for value in effective_values(configuration)}


def test_without_files_the_defaults_are_in_force(home: Path, work: Path) -> None:
    """Nothing needs to be configured, and every value then says that it is a default."""
    loaded = _load(home, work)
    assert loaded.files == ()
    assert loaded.targets == ()
    assert set(_origins(loaded).values()) == {"default"}


def test_the_working_folder_wins_over_the_user_and_the_environment_over_both(home: Path, work: Path) -> None:
    """Files, then environment variables, then options: the later wins, and the origin says which it was."""
    _own(home, "dashboard:\n  theme: day\n  interval: 5s\n  mouse: false\n")
    _project(work, "dashboard:\n  theme: mono\n  interval: 2s\n")
    loaded = load_config(
        environ={"AISHELL_HOME": str(home), "AISHELL_INTERVAL": "3s"}, working_folder=work, options={("dashboard", "read_only"): True}
    )
    assert (loaded.dashboard.theme, loaded.dashboard.interval, loaded.dashboard.mouse) == ("mono", 3.0, False)
    origins = _origins(loaded)
    assert origins["dashboard.theme"] == f"{work}/.ai-shell/dashboard.yml:2"
    assert origins["dashboard.interval"] == "environment variable AISHELL_INTERVAL"
    assert origins["dashboard.mouse"] == f"{home}/config.yaml:4"
    assert origins["dashboard.read_only"] == "option --read-only"
    assert origins["dashboard.glyphs"] == "default"


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_reaches_its_option(home: Path, work: Path, variable: str) -> None:
    """Each environment variable of the docs is read, and a wrong value of it is told by its name."""
    section, key = VARIABLES[variable]
    good = {"theme": "day", "interval": "7s", "glyphs": "ascii", "color": "16", "mouse": "false", "read_only": "true", "enabled": "false"}[
        key
    ]
    assert _origins(_load(home, work, {variable: good}))[f"{section}.{key}"] == f"environment variable {variable}"
    with pytest.raises(InvalidConfigError, match=f"environment variable {variable}: "):
        _load(home, work, {variable: "~~~"})


def test_a_named_file_is_read_alone(home: Path, work: Path, tmp_path: Path) -> None:
    """--config and AISHELL_CONFIG leave the other files aside."""
    _own(home, "dashboard: {mouse: false}\n")
    _project(work, "dashboard: {read_only: true}\n")
    named = tmp_path / "named.yaml"
    named.write_text("dashboard: {theme: day}\n")
    for loaded in (
        load_config(named, environ={"AISHELL_HOME": str(home)}, working_folder=work),
        _load(home, work, {"AISHELL_CONFIG": str(named)}),
    ):
        assert loaded.files == (named,)
        assert (loaded.dashboard.theme, loaded.dashboard.mouse, loaded.dashboard.read_only) == ("day", True, False)


def test_a_target_of_a_later_file_replaces_the_whole_target(home: Path, work: Path) -> None:
    """A checkout cannot point the user's password at another server by repeating the target's name."""
    _own(home, "targets:\n  - {name: app, url: 'redis://ours/0', password: {env: P}, tags: [a]}\n  - {name: b, url: 'redis://b/0'}\n")
    _project(work, "targets:\n  - {name: app, url: 'redis://theirs/0'}\n")
    loaded = _load(home, work, {"P": "hunter2"})
    first, second = chosen_targets(loaded, ())
    assert (first.location.host, first.location.password, first.tags) == ("theirs", None, ())
    assert first.origin == f"{work}/.ai-shell/dashboard.yml:2"
    assert second.name == "b"
    assert "targets.app.password" not in _origins(loaded)


def test_a_file_in_the_working_folder_may_not_name_a_command(home: Path, work: Path) -> None:
    """A checkout of somebody else's work cannot make aishell run a program, unless its file is named on purpose."""
    text = "targets:\n  - {name: app, url: 'redis://c/0', password: {command: [touch, owned]}}\n"
    _project(work, text)
    with pytest.raises(InvalidConfigError, match="may not name a command"):
        _load(home, work)
    loaded = load_config(work / ".ai-shell" / "dashboard.yml", environ={}, working_folder=work)
    assert len(loaded.targets) == 1
    assert not (work / "owned").exists()


def test_relative_paths_start_at_the_folder_of_the_file(home: Path, work: Path, tmp_path: Path) -> None:
    """In .ai-shell/dashboard.yml they start at the working folder, elsewhere beside the file."""
    for folder in (home, work):
        (folder / "app.db").write_bytes(b"")
    _own(home, "targets: [{name: own, url: app.db, statement_log: log.db}]\n")
    _project(work, "targets: [{name: project, url: app.db}]\n")
    own, project = chosen_targets(_load(home, work), ())
    assert own.location.path == home / "app.db"
    assert own.location.option("statement_log") == str(home / "log.db")
    assert project.location.path == work / "app.db"


def test_a_target_carries_what_was_configured(home: Path, work: Path) -> None:
    """Every key of a target reaches the target, with its secret."""
    _own(
        home,
        "targets:\n  - name: shop\n    url: postgresql://app@db.example/shop\n    password: {env: PW}\n    environment: production\n"
        "    tags: [eu, shop]\n    interval: 500ms\n    tls: off\n",
    )
    (target,) = chosen_targets(_load(home, work, {"PW": "hunter2"}), ())
    assert target.environment is Environment.PRODUCTION
    assert target.tls is TlsPolicy.OFF
    assert target.tags == ("eu", "shop")
    assert target.interval_seconds == 0.5
    assert target.location.password is not None
    assert target.location.password.reveal() == "hunter2"


def test_thresholds_are_laid_over_the_catalogue(home: Path, work: Path) -> None:
    """Each threshold is read in the unit of its metric; what is not written keeps its default, off switches off."""
    _own(
        home,
        "thresholds:\n  query.duration: {warning: 1s}\n  cache.hit_ratio: {warning: off, critical: 0.5}\n  locks.waiting: {critical: 20}\n",
    )
    _project(work, "thresholds:\n  query.duration: {critical: 2m}\n")
    loaded = _load(home, work)
    assert loaded.thresholds == {
        "query.duration": Thresholds(1000.0, 120_000.0),
        "cache.hit_ratio": Thresholds(None, 0.5, falling=True, sustained_seconds=60),
        "locks.waiting": Thresholds(1, 20.0, sustained_seconds=5),
    }
    origins = _origins(loaded)
    assert origins["thresholds.query.duration.warning"] == f"{home}/config.yaml:2"
    assert origins["thresholds.query.duration.critical"] == f"{work}/.ai-shell/dashboard.yml:2"
    assert origins["thresholds.locks.waiting.warning"] == "default"


def test_rooms_of_later_versions_are_warned_about_with_their_line(home: Path, work: Path) -> None:
    """The YAML for migration tests is known and said to have no effect yet."""
    _own(home, "dashboard: {}\nhistory: {}\ntests: {}\n")
    loaded = _load(home, work)
    assert [(warning.line, warning.what) for warning in loaded.warnings] == [
        (3, "this version does not act on 'tests' yet; the section is ignored"),
    ]


def test_sections_with_only_comments_in_them_are_empty(home: Path, work: Path) -> None:
    """A starter file whose headings are uncommented first is valid."""
    _own(home, "targets:\n  # - name: app\ndashboard:\nhistory:\nthresholds:\n")
    assert _load(home, work).targets == ()


def test_targets_are_chosen_by_name_or_url(home: Path, work: Path) -> None:
    """A configured name, a URL or the path of a file; without a word all configured ones."""
    _own(home, "targets:\n  - {name: app, url: 'sqlite:///srv/app.db'}\n  - {name: other, url: 'sqlite:///srv/other.db'}\n")
    loaded = _load(home, work)
    assert [target.name for target in chosen_targets(loaded, ())] == ["app", "other"]
    assert [target.name for target in chosen_targets(loaded, ("other", "sqlite:///tmp/x.db", "./y.sqlite", "other"))] == [
        "other",
        "x.db",
        "y.sqlite",
    ]
    with pytest.raises(UsageError) as caught:
        chosen_targets(loaded, ("ap",))
    assert (caught.value.message, caught.value.hint) == ("there is no target 'ap'", "did you mean app? configured: app, other")
    assert unknown_name("oracle://u:secret@h/x", ("app",)).message == "there is no target 'oracle://u:***@h/x'"


def test_files_of_the_same_name_become_two_targets(home: Path, work: Path) -> None:
    """Two URLs that end in the same file name are two targets with different names."""
    found = chosen_targets(_load(home, work), ("/srv/a/app.db", "/srv/b/app.db", "/srv/a/app.db"))
    assert [(target.name, str(target.location.path)) for target in found] == [("app.db", "/srv/a/app.db"), ("app.db-2", "/srv/b/app.db")]


def test_users_of_one_server_become_targets_that_are_named_by_them(home: Path, work: Path) -> None:
    """A number behind the port would read as a part of it."""
    urls = ("postgresql://ada@h:5433/shop", "postgresql://bob@h:5433/shop", "postgresql://bob@h:5433/other")
    assert [target.name for target in chosen_targets(_load(home, work), urls)] == ["ada/shop@h:5433", "bob/shop@h:5433", "other@h:5433"]
    assert len({target.name for target in chosen_targets(_load(home, work), (*urls, "postgresql://bob@h:5433/shop?sslmode=require"))}) == 4


@pytest.mark.parametrize(
    ("entry", "reason", "engine", "address"),
    [
        ("url: 'redis://a/0', password: {env: NO_SUCH}", "the environment variable NO_SUCH is not set", "redis", "redis://a/0"),
        ("url: 'redis://u:${NO_SUCH}@a/0'", "the environment variable NO_SUCH is not set", "redis", "redis://u:***@a/0"),
        ("url: '${NO_SUCH}'", "the environment variable NO_SUCH is not set", "unknown", "${NO_SUCH}"),
        ("url_file: /nowhere/url", "the secret file /nowhere/url cannot be read", "unknown", "file /nowhere/url"),
        ("url_file: '${NO_SUCH}/url'", "${NO_SUCH}/url cannot be read", "unknown", "file "),
        ("url_command: ['false']", "the secret command false failed with exit code 1", "unknown", "command false"),
    ],
)
def test_a_secret_that_cannot_be_had_is_an_obstacle_of_its_one_target(
    home: Path, work: Path, entry: str, reason: str, engine: str, address: str
) -> None:
    """The target is there, fails with the reason and its file and line, and the others are read."""
    _own(home, f"targets:\n  - {{name: a, {entry}}}\n  - {{name: b, url: 'redis://b/0'}}\n")
    first, second = chosen_targets(_load(home, work), ())
    assert second.obstacle is None
    assert first.obstacle is not None
    assert first.obstacle.message.startswith(f"{home}/config.yaml:2: ")
    assert reason in first.obstacle.message
    assert first.engine == engine
    assert address in first.obstacle.address
    with pytest.raises(TargetError) as refused:
        open_collector(first, SystemClock())
    assert refused.value.message == first.obstacle.message


def test_what_the_targets_refer_to_is_looked_for(home: Path, work: Path) -> None:
    """A file that is missing is an error of the configuration, a variable that is unset here a warning; both have their line."""
    _own(
        home,
        "targets:\n  - {name: a, url: 'redis://${NO_HOST}/0',\n     password: {env: NO_WORD}}\n"
        "  - name: b\n    url_file: /nowhere/url\n    password: {file: '${NO_HOME}/word'}\n"
        "  - name: c\n    url: redis://c/0\n    password: {file: /nowhere/word}\n",
    )
    loaded = _load(home, work)
    file = f"{home}/config.yaml"
    assert [(problem.place, problem.what) for problem in missing_files(loaded)] == [
        (f"{file}:5", "the secret file /nowhere/url of 'b' does not exist"),
        (f"{file}:9", "the secret file /nowhere/word of 'c' does not exist"),
    ]
    assert [(problem.place, problem.what) for problem in missing_variables(loaded)] == [
        (f"{file}:2", "'a' cannot be read: the environment variable NO_HOST is not set"),
        (f"{file}:3", "'a' cannot be read: the environment variable NO_WORD is not set"),
        (f"{file}:6", "'b' cannot be read: the environment variable NO_HOME is not set"),
    ]


def test_one_variable_moves_every_place(tmp_path: Path) -> None:
    """AISHELL_HOME holds configuration, state and backups; without it the platform's folders do."""
    moved = find_places({"AISHELL_HOME": str(tmp_path)})
    assert (moved.config_file, moved.state, moved.backups) == (tmp_path / "config.yaml", tmp_path / "state", tmp_path / "backups")
    usual = find_places({})
    assert usual.backups == Path.home() / ".ai-shell" / "backups"
    assert usual.state.name == "aishell"
    assert find_places({"AI_SHELL_BACKUP_DIR": "/srv/backups"}).backups == Path("/srv/backups")


def test_private_folders_are_closed_to_others(tmp_path: Path) -> None:
    """A state folder has mode 0700, also when it was there before with another."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o755)
    assert make_private(folder).stat().st_mode & 0o777 == 0o700
    assert make_private(tmp_path / "new" / "state").stat().st_mode & 0o777 == 0o700


def test_names_with_dots_do_not_share_their_origins(home: Path, work: Path) -> None:
    """Replacing the target `app` leaves the origins of `app.db` as they are."""
    _own(home, "targets:\n  - {name: app.db, url: 'redis://a/0'}\n  - {name: app, url: 'redis://b/0', tags: [x]}\n")
    _project(work, "targets:\n  - {name: app, url: 'redis://c/0'}\n")
    origins = _origins(_load(home, work))
    assert origins["targets.app.db.url"] == f"{home}/config.yaml:2"
    assert origins["targets.app.url"] == f"{work}/.ai-shell/dashboard.yml:2"
    assert origins["targets.app.tags"] == "default"


def test_all_folders_on_the_way_are_closed_to_others(tmp_path: Path) -> None:
    """Whoever makes the state folder first, a demo or a report of a fault below it, makes every part of it private."""
    make_folder(tmp_path / "home" / "state" / "demo")
    for folder in ("home", "home/state", "home/state/demo"):
        assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700

"""Roles and protections from the configuration: who may give them, what wins, what leads nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from aishell_core.documents.problems import InvalidConfigError
from aishell_core.safety.decision import Decision, Place, decide
from aishell_core.safety.risk import ActionClass, session_risk
from aishell_core.safety.roles import Role
from aishell_core.targets import Environment
from aishell_tui.authority import authority_of
from aishell_tui.config.load import Configuration, load_config
from aishell_tui.config.roles import place_of, place_within, unknown_targets
from aishell_tui.config.targets import chosen_targets
from aishell_tui.places import Places
from tests.command_line import run_here
from tests.safety import ANN

TARGETS = "targets:\n  - name: shop\n    url: postgresql://db.example/shop\n    environment: production\n    read_only: true\n"


def loaded(folder: Path, own: str, project: str = "", environ: dict[str, str] | None = None) -> Configuration:
    """The configuration of a user's own file and one that lies in the working folder."""
    (folder / "own").mkdir()
    (folder / "own" / "config.yaml").write_text(own)
    (folder / "work" / ".ai-shell").mkdir(parents=True)
    if project:
        (folder / "work" / ".ai-shell" / "dashboard.yml").write_text(project)
    places = Places(folder / "own", folder / "state", folder / "backups")
    return load_config(environ=environ or {}, working_folder=folder / "work", places=places)


def cancelled(configuration: Configuration, name: str = "shop") -> Decision:
    """Whether ann may cancel a statement on a target."""
    (target,) = chosen_targets(configuration, (name,))
    return decide(ANN, configuration.policy, place_of(target, configuration), session_risk(ActionClass.CANCEL))


def test_roles_become_grants(tmp_path: Path) -> None:
    text = (
        "roles:\n  - role: operator\n    groups: [dba]\n    environments: [staging]\n    targets: [shop-*]\n    actions: [read, cancel]\n"
    )
    policy = loaded(tmp_path, text).policy
    (grant,) = policy.grants
    assert policy.configured
    assert (grant.role, grant.groups, grant.environments) == (Role.OPERATOR, ("dba",), (Environment.STAGING,))
    assert (grant.targets, grant.actions) == (("shop-*",), (ActionClass.READ, ActionClass.CANCEL))


def test_without_roles_the_hint_names_the_file_and_its_lines_work(tmp_path: Path) -> None:
    """Put into the file that is named, they allow what was refused."""
    own = "targets:\n  - name: app\n    url: postgresql://db.example/app\n"
    refused = cancelled(loaded(tmp_path, own), "app")
    assert str(tmp_path / "own" / "config.yaml") in refused.hint
    lines = refused.hint.partition("\n")[2]
    (tmp_path / "again").mkdir()
    assert cancelled(loaded(tmp_path / "again", f"{own}{lines}\n"), "app").allowed


def test_an_empty_section_gives_nobody_a_role_and_one_of_comments_is_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, "roles: []\n").policy.configured
    (tmp_path / "again").mkdir()
    assert not loaded(tmp_path / "again", "roles:\n#  - role: admin\n").policy.configured


def test_a_file_of_the_working_folder_may_not_give_roles(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError, match="may not give roles"):
        loaded(tmp_path, TARGETS, "roles:\n  - role: admin\n    users: [ann]\n")


def test_a_file_of_the_working_folder_protects_no_less(tmp_path: Path) -> None:
    """Neither a target nor the dashboard; the environment variable, which is the user's own, may."""
    own = f"{TARGETS}dashboard: {{read_only: true}}\n"
    project = "targets:\n  - name: shop\n    url: postgresql://db.example/shop\n    read_only: false\ndashboard: {read_only: false}\n"
    configuration = loaded(tmp_path, own, project)
    (target,) = chosen_targets(configuration, ("shop",))
    assert (target.environment, target.read_only) == (Environment.PRODUCTION, True)
    assert configuration.dashboard.read_only
    (tmp_path / "again").mkdir()
    assert not loaded(tmp_path / "again", own, project, {"AISHELL_READ_ONLY": "false"}).dashboard.read_only


@pytest.mark.parametrize(("word", "wanted"), [("1", True), ("yes", True), ("ON", True), ("true", True), ("0", False), ("no", False)])
def test_a_variable_says_yes_and_no_in_all_the_usual_words(tmp_path: Path, word: str, wanted: bool) -> None:
    own = f"{TARGETS}dashboard: {{read_only: {str(not wanted).lower()}}}\n"
    assert loaded(tmp_path, own, "", {"AISHELL_READ_ONLY": word}).dashboard.read_only is wanted
    (tmp_path / "again").mkdir()
    with pytest.raises(InvalidConfigError, match="true or false"):
        loaded(tmp_path / "again", own, "", {"AISHELL_READ_ONLY": "2"})


def test_a_file_of_the_working_folder_may_protect_more(tmp_path: Path) -> None:
    own = "targets:\n  - name: shop\n    url: postgresql://db.example/shop\n"
    project = f"{own}    environment: production\n    read_only: true\ndashboard: {{read_only: true}}\n"
    configuration = loaded(tmp_path, own, project)
    (target,) = chosen_targets(configuration, ("shop",))
    assert (target.environment, target.read_only, configuration.dashboard.read_only) == (Environment.PRODUCTION, True, True)


def test_a_read_only_target_refuses_everybody(tmp_path: Path) -> None:
    refused = cancelled(loaded(tmp_path, f"{TARGETS}roles:\n  - role: admin\n    users: [ann]\n"))
    assert not refused.allowed
    assert "read-only" in refused.message


def test_a_target_of_the_command_line_is_not_known(tmp_path: Path) -> None:
    """Even with the name of a configured one."""
    configuration = loaded(tmp_path, "targets:\n  - name: app@db\n    url: postgresql://db/app\n")
    (named,) = chosen_targets(configuration, ("app@db",))
    (given,) = chosen_targets(configuration, ("postgresql://db/app",))
    assert named.name == given.name
    assert (place_of(named, configuration).known, place_of(given, configuration).known) == (True, False)
    assert place_of(given, configuration).care is Environment.PRODUCTION


SHOPS = (
    "targets:\n  - {name: shop, url: 'postgresql://db.example/shop', environment: production}\n"
    "  - {name: trial, url: 'postgresql://db.example/trial'}\n  - {name: alone, url: 'postgresql://other.example/app'}\n"
)
UNKNOWN = (Environment.PRODUCTION, False)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://db.example/shop", (Environment.PRODUCTION, True)),
        ("postgresql://me@DB.example/trial", (Environment.DEVELOPMENT, True)),
        ("postgresql://db.example/unheard", (Environment.PRODUCTION, True)),
        ("postgresql://other.example/anything", (Environment.DEVELOPMENT, True)),
        ("postgresql://other.example/app?hostaddr=192.0.2.1", UNKNOWN),
        ("postgresql://other.example:5433/app", UNKNOWN),
        ("mysql://other.example/app", UNKNOWN),
        ("postgresql://elsewhere.example/app", UNKNOWN),
    ],
)
def test_a_target_of_the_working_folders_file_is_what_the_users_own_file_says_of_its_server(
    tmp_path: Path, url: str, wanted: tuple[Environment, bool]
) -> None:
    """And as careful as with production where that says nothing."""
    configuration = loaded(tmp_path, SHOPS, f"targets:\n  - {{name: mine, url: '{url}', environment: development}}\n")
    (target,) = chosen_targets(configuration, ("mine",))
    place = place_of(target, configuration)
    assert (place.care, place.known) == wanted
    assert place.known or place.described == "mine (named by the working folder's file alone, so taken for production)"


def test_a_name_of_the_users_own_file_vouches_for_no_other_server(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, SHOPS, "targets:\n  - {name: alone, url: 'postgresql://evil.example/app'}\n")
    (target,) = chosen_targets(configuration, ("alone",))
    assert not place_of(target, configuration).known
    (tmp_path / "again").mkdir()
    configuration = loaded(tmp_path / "again", SHOPS, "targets:\n  - {name: alone, url: 'postgresql://other.example/app'}\n")
    (target,) = chosen_targets(configuration, ("alone",))
    assert place_of(target, configuration).care is Environment.DEVELOPMENT


def test_a_file_below_the_working_folder_is_what_that_folders_file_says(tmp_path: Path) -> None:
    (tmp_path / "else.db").touch()
    project = "targets:\n  - {name: inside, url: app.db}\n  - {name: outside, url: link.db}\n"
    configuration = loaded(tmp_path, "dashboard: {}\n", project)
    (tmp_path / "work" / "link.db").symlink_to(tmp_path / "else.db")
    inside, outside = chosen_targets(configuration, ("inside", "outside"))
    assert place_of(inside, configuration) == Place("inside")
    assert not place_of(outside, configuration).known


@pytest.mark.parametrize(
    ("databases", "environment", "beside"),
    [
        ({"trial"}, Environment.DEVELOPMENT, ()),
        ({""}, Environment.DEVELOPMENT, ()),
        ({"SHOP"}, Environment.PRODUCTION, ("shop",)),
        ({"trial", "shop"}, Environment.PRODUCTION, ("shop",)),
        ({"app"}, Environment.DEVELOPMENT, ()),
        ({"unheard"}, Environment.DEVELOPMENT, ()),
    ],
)
def test_another_database_of_the_server_is_as_protected_as_its_own_target(
    tmp_path: Path, databases: set[str], environment: Environment, beside: tuple[str, ...]
) -> None:
    configuration = loaded(tmp_path, SHOPS)
    (target,) = chosen_targets(configuration, ("trial",))
    place = place_within(target, place_of(target, configuration), databases, configuration)
    assert (place.care, place.beside) == (environment, beside)


def test_who_acts_in_another_database_of_the_server_acts_where_its_own_target_is(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, SHOPS)
    (target,) = chosen_targets(configuration, ("trial",))
    authority = authority_of(configuration, (target,))
    assert [authority.place(target, name).care for name in ("", "SHOP")] == [Environment.DEVELOPMENT, Environment.PRODUCTION]


def test_what_is_more_protected_stays_so_in_another_database(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, SHOPS)
    (target,) = chosen_targets(configuration, ("shop",))
    place = place_within(target, place_of(target, configuration), {"trial"}, configuration)
    assert (place.care, place.beside) == (Environment.PRODUCTION, ("trial",))


def test_a_target_that_a_role_names_and_nobody_configures_is_warned_about(tmp_path: Path) -> None:
    text = f"{TARGETS}roles:\n  - role: admin\n    users: [ann]\n    targets: [shp, sho*]\n"
    (problem,) = unknown_targets(loaded(tmp_path, text))
    assert (problem.line, problem.what) == (9, "a role names the target 'shp', which is not configured")
    assert problem.hint == "did you mean shop?"


def test_config_shows_and_validates_roles(aishell_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (aishell_home / "config.yaml").write_text(f"{TARGETS}roles:\n  - role: operator\n    users: [ann]\n    targets: [shp]\n")
    shown = run_here(capsys, "config", "show", "--origin").out
    assert "roles.1.role" in shown
    assert "config.yaml:7" in shown
    assert "did you mean shop?" in run_here(capsys, "config", "validate").out

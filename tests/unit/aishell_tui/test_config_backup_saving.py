"""Changing the backup section of a file: only what was asked for changes, and what would be wrong is not written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from aishell_core.documents.document import Plain
from aishell_core.documents.problems import InvalidConfigError
from aishell_core.errors import ConfigError, StateError, UsageError
from aishell_tui.config.backup_saving import assigned, change_section, key_parts, read_assignment, replace_text, without
from aishell_tui.config.backup_values import backup_values, overruled, value_of
from aishell_tui.config.load import load_config

COMMENTED = """\
# ours
targets:
  - name: app          # the shop
    url: sqlite:///app.db

backup:
  # how small
  compression: gzip    # for old machines
  retention:
    within: 30d
    daily: 7   # a week
  storage: /srv/backups

# the end
backups:
  - name: nightly
    schedule: "0 2 * * *"
"""


def changed(path: Path, *assignments: str) -> str:
    for text in assignments:
        keys, value = read_assignment(text)
        change_section(path, lambda values, keys=keys, value=value: assigned(values, keys, value), {})  # type: ignore[misc]
    return path.read_text()


def test_one_line_changes_and_the_rest_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(COMMENTED)
    after = changed(path, "compression=bzip2")
    assert after == COMMENTED.replace("gzip    # for old machines", "bzip2  # for old machines")


def test_a_new_value_stands_below_the_others_and_a_part_becomes_one_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(COMMENTED)
    after = changed(path, "level=9", "retention.weekly=4").splitlines()
    assert after.index("  level: 9") == after.index("  storage: /srv/backups") + 1
    assert "  retention: {within: 30d, daily: 7, weekly: 4}" in after
    assert {"# the end", "  # how small", "  - name: app          # the shop"} <= set(after)


def test_a_text_that_stands_for_a_part_becomes_its_key(tmp_path: Path) -> None:
    path = tmp_path / "backup.yml"
    path.write_text("backup: {retention: 14d}\n")
    assert changed(path, "retention.daily=7") == "backup:\n  retention: {within: 14d, daily: 7}\n"


def test_a_file_is_made_private_and_one_in_which_nothing_is_left_goes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "backup.yml"
    assert changed(path, "storage=/srv/my backups: all") == 'backup:\n  storage: "/srv/my backups: all"\n'
    assert path.stat().st_mode & 0o777 == 0o600
    assert change_section(path, lambda values: {}, {})
    assert not path.exists()
    assert not list(path.parent.iterdir())


def test_taking_the_section_out_leaves_all_else(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(COMMENTED)
    change_section(path, lambda values: {}, {})
    begin, end = COMMENTED.index("backup:"), COMMENTED.index("\n# the end")
    assert path.read_text() == COMMENTED[:begin] + COMMENTED[end:]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("compression=zip", "is not one of the valid words"),
        ("level=99", "99 is not a whole number from 1 to 22"),
        ("retention.dayly=3", "unknown key 'dayly'"),
    ],
)
def test_what_is_wrong_is_told_at_its_place_and_not_written(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(COMMENTED)
    with pytest.raises(InvalidConfigError) as caught:
        changed(path, text)
    assert what in str(caught.value.problems[0])
    assert path.read_text() == COMMENTED
    assert [each.name for each in tmp_path.iterdir()] == ["config.yaml"]


def test_a_file_that_is_wrong_already_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("backup: {colour: red}\n")
    with pytest.raises(InvalidConfigError):
        changed(path, "level=3")
    assert path.read_text() == "backup: {colour: red}\n"


def test_an_anchor_that_others_use_is_no_reason_to_write_something_else(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    text = "backup:\n  storage: &here /srv/backups\nbackups:\n  - {name: nightly, storage: *here}\n"
    path.write_text(text)
    with pytest.raises(InvalidConfigError):
        changed(path, "storage=/elsewhere")
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("compresion=gzip", "did you mean compression?"),
        ("compression", "write it as in retention=30d"),
        ("encryption.passphrase=hunter2", "encryption.passphrase.env=NAME"),
        ("storage.credentials.secret_access_key=hunter2", "storage.credentials.secret_access_key.env=NAME"),
        ("backups.nightly.retention=3d", "aishell backup config edit opens the file"),
        ("retention={within: 3d", "write it as in [a, b] or {within: 30d}"),
    ],
)
def test_a_key_or_value_that_cannot_be_is_refused_with_what_is_right(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_assignment(text)
    assert hint in caught.value.hint
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}"


def test_values_are_read_as_in_yaml() -> None:
    known: Mapping[str, Plain] = {
        "level=9": 9,
        "encrypt=true": True,
        "retention=30d": "30d",
        "backup.encryption.recipients=[age1a, age1b]": ["age1a", "age1b"],
        "encryption.passphrase={env: PW}": {"env": "PW"},
        "storage='a b'": "a b",
    }
    assert {text: read_assignment(text)[1] for text in known} == known
    assert key_parts("backup.retention.daily") == ("retention", "daily")


def test_without_takes_out_one_value_and_a_part_that_has_none_left() -> None:
    values: dict[str, Plain] = {"level": 3, "retention": {"daily": 7, "weekly": 4}}
    assert without(values, ("retention", "daily")) == {"level": 3, "retention": {"weekly": 4}}
    assert without({"retention": {"daily": 7}}, ("retention", "daily")) == {}
    assert without(values, ("storage",)) == values
    assert without(values, ("level",)) == {"retention": {"daily": 7, "weekly": 4}}


def test_an_edited_text_takes_no_place_that_somebody_else_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "backup.yml"
    path.write_text("backup: {level: 3}\n")
    with pytest.raises(StateError):
        replace_text(path, "backup: {level: 2}\n", "backup: {level: 4}\n", {})
    with pytest.raises(InvalidConfigError):
        replace_text(path, "backup: {level: 3}\n", "backup: {level: 99}\n", {})
    assert path.read_text() == "backup: {level: 3}\n"
    replace_text(path, "backup: {level: 3}\n", "backup: {level: 4}\n", {})
    assert path.read_text() == "backup: {level: 4}\n"


def test_values_in_force_say_where_they_come_from_and_show_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "backup:\n  encryption: {passphrase: {env: PW}}\n  retention: 7d\n"
        "  cloud: {type: s3, bucket: b, credentials: {secret_access_key: {env: KEY}}}\n"
        "backups: [{name: nightly, retention: {last: 3}}]\n"
    )
    environ = {"PW": "hunter2", "KEY": "hunter2", "AISHELL_HOME": str(tmp_path), "AI_SHELL_RETENTION_DAYS": "3"}
    loaded = load_config(path, environ=environ)
    values = backup_values(loaded, environ)
    assert "hunter2" not in str(values)
    by_key = {one.key: one for one in values}
    assert by_key["backup.storage"].value == str(tmp_path / "backups")
    said = "environment variable AI_SHELL_RETENTION_DAYS"
    assert (by_key["backup.retention"].value, by_key["backup.retention"].origin) == (
        "within 3d00h",
        f"{path}:3, {said}, in place of the default at_most 50",
    )
    assert by_key["backup.retention.within"].value == "3d"
    assert value_of(loaded, "retention", {**environ, "AI_SHELL_MAX_BACKUPS": "2"}).value == "within 3d00h, at_most 2"
    assert value_of(loaded, "retention", {}).value == "within 7d00h"
    for name in ("retention", "retention.within"):
        with pytest.raises(ConfigError, match="AI_SHELL_RETENTION_DAYS"):
            value_of(loaded, name, {**environ, "AI_SHELL_RETENTION_DAYS": "abc"})
    assert by_key["backups.nightly.retention"].value == "last 3"
    assert value_of(loaded, "encryption.passphrase", environ).value == "*** from environment variable PW"
    assert value_of(loaded, "cloud.credentials", environ).value == ("secret_access_key: *** from environment variable KEY",)
    assert value_of(loaded, "backup.retention.within", {}).value == "7d00h"
    assert value_of(loaded, "backup.retention.within", environ).origin == "environment variable AI_SHELL_RETENTION_DAYS"
    assert value_of(loaded, "backups.nightly.retention", environ).value == "last 3"
    assert "AI_SHELL_RETENTION_DAYS" in overruled("retention", environ)
    assert overruled("level", environ) == ""
    with pytest.raises(UsageError) as caught:
        value_of(loaded, "retention.wihtin", environ)
    assert "did you mean within?" in caught.value.hint

"""Files and folders of rules: found in order, confined where they have to be, and looked at again when they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alerts.rules.files import MOST_FILES, RuleFiles, find_rule_files, read_rule_files
from alerts.rules.watch import FileWatch
from tests.unit.alerts.rule_documents import told

RULE = "rules:\n  - {name: a, condition: pool.usage > 90%}\n"


def _names(folder: Path, confined_to: Path | None = None) -> list[str]:
    found, broken = find_rule_files([RuleFiles(folder, "config.yaml", 3, confined_to)])
    assert not broken
    return [file.path.name for file in found]


def test_a_folder_is_its_files_of_yaml_in_order(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yaml", "c.txt", ".hidden.yml"):
        (tmp_path / name).write_text(RULE, encoding="utf-8")
    (tmp_path / "d.yml").mkdir()
    assert _names(tmp_path) == ["a.yaml", "b.yml"]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE, encoding="utf-8")
    (tmp_path / "link.yml").symlink_to("a.yml")
    found, _ = find_rule_files([RuleFiles(tmp_path / "a.yml"), RuleFiles(tmp_path)])
    assert [file.path.name for file in found] == ["a.yml"]


@pytest.mark.parametrize("name", ["../outside.yml", "link.yml", "folder", "/etc/shadow", "chain.yml"])
def test_nothing_leads_out_of_where_files_have_to_be(tmp_path: Path, name: str) -> None:
    """What came with a checkout may not have another file of this machine read, and its lines shown in an error."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "outside.yml").write_text("secret: hunter2\n", encoding="utf-8")
    (inside / "link.yml").symlink_to(tmp_path / "outside.yml")
    (inside / "chain.yml").symlink_to("link.yml")
    (inside / "folder").symlink_to(tmp_path)
    found, broken = find_rule_files([RuleFiles(inside / name, "dashboard.yml", 4, confined_to=inside)])
    assert found == ()
    assert told(broken[0]).startswith("dashboard.yml:4: ")
    assert "leads out of" in told(broken[0])


def test_a_link_within_a_folder_that_leads_out_of_it_is_refused_alone(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "good.yml").write_text(RULE, encoding="utf-8")
    (inside / "shadow.yml").symlink_to("/etc/shadow")
    found, broken = find_rule_files([RuleFiles(inside, confined_to=inside)])
    assert [file.path.name for file in found] == ["good.yml"]
    assert "leads out of" in told(broken[0])


@pytest.mark.parametrize("name", ["shadow.yml", "plain"])
def test_a_file_that_is_no_yaml_is_not_opened_whoever_names_it(tmp_path: Path, name: str) -> None:
    """Each of its lines would be shown as an error."""
    (tmp_path / "plain").write_text("root:hunter2:::\n", encoding="utf-8")
    (tmp_path / "shadow.yml").symlink_to(tmp_path / "plain")
    found, broken = find_rule_files([RuleFiles(tmp_path / name)])
    assert found == ()
    assert "is no file of rules: it does not end in .yaml or .yml" in told(broken[0])
    assert "hunter2" not in told(broken[0])


def test_a_folder_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    found, (broken,) = find_rule_files([RuleFiles(tmp_path / "rules")])
    assert found == ()
    assert f"there is no file or folder {tmp_path / 'rules'}" in told(broken)


def test_a_file_that_cannot_be_read_is_one_broken_rule(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE, encoding="utf-8")
    (tmp_path / "bad.yml").write_text("rules: [", encoding="utf-8")
    (tmp_path / "tag.yml").write_text("rules: !!python/object/apply:os.system [id]", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe.yml")
    found, _ = find_rule_files([RuleFiles(tmp_path), RuleFiles(tmp_path / "none.yml")])
    sections, broken = read_rule_files(found)
    assert len(sections) == 1
    said = {Path(rule.name).name: told(rule) for rule in broken}
    assert "close the brackets" in said["bad.yml"]
    assert "only plain values are read" in said["tag.yml"]
    assert "no regular file" in said["pipe.yml"]
    assert "there is no such file" in said["none.yml"]


def test_a_folder_with_too_many_files_is_refused(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 1):
        (tmp_path / f"{number}.yml").touch()
    found, broken = find_rule_files([RuleFiles(tmp_path)])
    assert found == ()
    assert f"more than {MOST_FILES}" in told(broken[0])


def test_a_change_of_content_is_seen_and_a_touch_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text(RULE, encoding="utf-8")
    watch = FileWatch()
    assert watch.changed([path])
    assert not watch.changed([path])
    os.utime(path, (1, 1))
    assert not watch.changed([path])
    path.write_text(RULE.replace("90%", "80%"), encoding="utf-8")
    assert watch.changed([path])
    path.unlink()
    assert watch.changed([path])
    assert not watch.changed([path])
    path.write_text(RULE, encoding="utf-8")
    assert watch.changed([path])


def test_a_file_that_is_replaced_and_another_that_comes_are_seen(tmp_path: Path) -> None:
    """Editors write beside the file and move the new one into its place."""
    path, new = tmp_path / "a.yml", tmp_path / "b.yml"
    path.write_text(RULE, encoding="utf-8")
    watch = FileWatch()
    watch.changed([path])
    new.write_text(RULE.replace("90%", "80%"), encoding="utf-8")
    os.utime(new, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    new.replace(path)
    assert watch.changed([path])
    new.write_text(RULE, encoding="utf-8")
    assert watch.changed([path, new])

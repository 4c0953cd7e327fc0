"""The rules of a program that is not configured are those that its empty configuration would make."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from aishell_tui.config.alert_rules import read_rule_book
from aishell_tui.config.load import Configuration, load_config
from aishell_tui.config.rule_source import RuleBookSource, rule_book_source, shipped_rules
from aishell_tui.places import Places
from alerts.rules.book import RuleBook

OWN_RULE = "alerts: {override: {host-memory: {for: 7m}}, rules: [{name: own, condition: pool.usage > 90%}]}\n"


def _source(folder: Path, environ: dict[str, str] | None = None) -> RuleBookSource:
    return rule_book_source(environ=environ or {}, working_folder=folder, places=Places(folder, folder / "state", folder / "backups"))


def _refreshed(source: RuleBookSource) -> RuleBook:
    book = source.refresh()
    assert book is not None
    return book


def test_the_rules_that_ship_are_those_of_an_empty_configuration_each_at_its_place() -> None:
    assert asdict(_refreshed(shipped_rules())) == asdict(read_rule_book(Configuration()))


def test_a_program_without_a_configuration_has_the_book_that_reading_one_makes(tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path / "state", tmp_path / "backups")
    read = RuleBookSource(lambda: load_config(environ={}, working_folder=tmp_path, places=places), [places.config_file])
    plain, other = _refreshed(_source(tmp_path)), _refreshed(read)
    assert (plain.rules, plain.broken, plain.disabled, plain.faults, plain.warnings) == (other.rules, (), (), (), ())
    assert str(places.config_file) in plain.settings.files


def test_a_configuration_that_comes_is_read_and_one_that_goes_is_forgotten(tmp_path: Path) -> None:
    source = _source(tmp_path)
    first = _refreshed(source)
    assert source.refresh() is None
    (tmp_path / "config.yaml").write_text(OWN_RULE, encoding="utf-8")
    second = _refreshed(source)
    changed = [new.name for new, old in zip(second.rules, first.rules, strict=False) if new is not old]
    assert changed == ["host-memory"]
    assert second.rules[-1].name == "own"
    (tmp_path / "config.yaml").unlink()
    third = _refreshed(source)
    assert third == first
    assert [new.name for new, old in zip(third.rules, second.rules, strict=False) if new is not old] == ["host-memory"]


def test_a_variable_that_is_wrong_is_a_fault(tmp_path: Path) -> None:
    assert not _refreshed(_source(tmp_path, {"AISHELL_THEME": "night"})).faults
    assert _refreshed(_source(tmp_path, {"AISHELL_THEME": "no such theme"})).faults


def test_the_rules_that_ship_and_the_screens_of_alerts_need_no_models_and_no_parser_of_yaml(tmp_path: Path) -> None:
    program = (
        "import sys, aishell_tui.alerting, aishell_tui.screens.alert, aishell_tui.screens.alerts\n"
        "from aishell_tui.config.rule_source import rule_book_source\n"
        "assert rule_book_source().refresh().rules\n"
        "print(*sys.modules, sep='\\n')"
    )
    environ = {"AISHELL_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path, env=environ)
    loaded = set(done.stdout.split())
    assert "alerts.rules.shipped" in loaded
    assert not loaded & {"pydantic", "yaml", "typer", "sqlglot", "apprise"}


def test_a_book_says_which_file_is_in_force_beside_ones_own(tmp_path: Path) -> None:
    own = _source(tmp_path)
    (tmp_path / "config.yaml").write_text(OWN_RULE, encoding="utf-8")
    assert _refreshed(own).settings.configuration == ""
    project = tmp_path / ".ai-shell" / "dashboard.yml"
    project.parent.mkdir()
    project.write_text("alerts: {enabled: true}\n", encoding="utf-8")
    assert _refreshed(_source(tmp_path)).settings.configuration == str(project)
    named = rule_book_source(
        tmp_path / "config.yaml", environ={}, working_folder=tmp_path, places=Places(tmp_path / "x", tmp_path, tmp_path)
    )
    assert _refreshed(named).settings.configuration == str(tmp_path / "config.yaml")

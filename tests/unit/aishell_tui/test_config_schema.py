"""Options are declared once: schema, starter file and docs are made from that, and agree with it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from aishell_core.catalogue import CATALOGUE
from aishell_core.documents.document import parse_document
from aishell_tui.config.check import check_document
from aishell_tui.config.fields import Surroundings
from aishell_tui.config.models import ConfigSpec
from aishell_tui.config.schema import SECTIONS, config_schema, option_help, section_help
from aishell_tui.config.starter import starter_text


def _uncommented(text: str) -> str:
    return "\n".join(line[1:] if re.match(r"#(?! \S)", line) else line for line in text.splitlines())


def _check(text: str) -> ConfigSpec:
    return check_document(parse_document("starter", text), Surroundings(Path("/")), ("night",)).spec


def test_the_starter_file_changes_nothing() -> None:
    """As it is written every value is the default."""
    assert _check(starter_text()) == ConfigSpec()


def test_the_starter_file_is_valid_without_its_comment_signs() -> None:
    """Whoever uncomments everything has a valid file with a target and thresholds in it."""
    spec = _check(_uncommented(starter_text()))
    assert [target.name for target in spec.targets] == ["app"]
    assert set(spec.thresholds) <= set(CATALOGUE)
    assert spec.dashboard == ConfigSpec().dashboard


def test_every_option_stands_in_the_starter_file_with_its_help() -> None:
    """An option that is declared is explained there, two rare forms of the URL apart."""
    text = " ".join(line.lstrip("# ") for line in starter_text().splitlines())
    for name, model in SECTIONS:
        if name in {"password", "channels", "heartbeat", "encryption", "storage", "retention"}:
            continue
        for option in option_help(model):
            assert option.key in {"url_file", "url_command"} or f"{option.key}: {option.example}" in text
            assert option.required or option.key in {"url_file", "url_command"} or option.help in text


def test_every_option_has_a_help_text() -> None:
    """Nothing is declared without saying what it is for."""
    for key in (*ConfigSpec.model_fields, *(name for name, _ in SECTIONS)):
        assert section_help(key).endswith(".")
    for _, model in SECTIONS:
        for option in option_help(model):
            assert option.help.endswith(".")


def test_the_schema_names_every_key_and_metric() -> None:
    """An editor that knows the schema completes and checks what the loader accepts."""
    schema = json.loads(config_schema())
    assert set(schema["properties"]) == {"targets", "roles", "dashboard", "history", "alerts", "backup", "backups", "thresholds"}
    assert schema["additionalProperties"] is False
    assert schema["properties"]["thresholds"]["propertyNames"]["enum"] == list(CATALOGUE)
    parts = schema["$defs"]
    for part, model in (("TargetSpec", dict(SECTIONS)["targets"]), ("DashboardSpec", dict(SECTIONS)["dashboard"])):
        assert set(parts[part]["properties"]) == set(model.model_fields)
        assert parts[part]["additionalProperties"] is False
    assert parts["DashboardSpec"]["properties"]["interval"]["default"] == "1s"
    assert parts["TargetSpec"]["required"] == ["name"]

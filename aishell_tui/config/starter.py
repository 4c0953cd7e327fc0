"""The starter file that `aishell config init` writes: every option with its help, all of it commented out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from pydantic import BaseModel

from aishell_tui.config.alerts import AlertsSpec
from aishell_tui.config.backups import BackupSpec, JobSpec
from aishell_tui.config.models import DashboardSpec, HistorySpec, RoleSpec, TargetSpec
from aishell_tui.config.schema import option_help, section_help, yaml_value

_WIDTH = 100
_HEADER = """\
Configuration of aishell.
Lines that begin with "# " explain; remove the # of the others to use them.
`aishell config validate` checks this file, `aishell config show --origin` prints what is in force.
The same keys may stand in .ai-shell/dashboard.yml of a working folder; what stands there wins.
"""
_LEFT_OUT = {"url_file", "url_command"}


def starter_text() -> str:
    """A configuration file in which everything is a comment, and which is valid with and without its comment signs."""
    lines = [
        *_prose(_HEADER.splitlines()),
        "",
        *_prose([section_help("targets")]),
        "#targets:",
        *_list(TargetSpec),
        "",
        *_prose([section_help("roles")]),
        "#roles:",
        *_list(RoleSpec),
        "",
        *_section("dashboard", DashboardSpec),
        "",
        *_section("history", HistorySpec),
        "",
        *_section("alerts", AlertsSpec),
        "",
        *_section("backup", BackupSpec),
        "",
        *_prose([section_help("backups")]),
        "#backups:",
        *_list(JobSpec),
        "",
        *_thresholds(),
    ]
    return "\n".join(lines) + "\n"


def backup_starter_text() -> str:
    """A file about backups alone in which everything is a comment."""
    header = "How backups are made and kept. Remove the # of the lines that you want to use."
    jobs = [*_prose([section_help("backups")]), "#backups:", *_list(JobSpec)]
    return "\n".join([*_prose([header]), "", *_section("backup", BackupSpec), "", *jobs]) + "\n"


def _prose(texts: list[str], indent: str = "") -> Iterator[str]:
    for text in texts:
        for line in textwrap.wrap(text, _WIDTH - len(indent)):
            yield f"# {indent}{line}" if not indent else f"#{indent}# {line}"


def _list(model: type[BaseModel]) -> Iterator[str]:
    for option in option_help(model):
        if option.key in _LEFT_OUT:
            continue
        if not option.required:
            yield from _prose([option.help], "    ")
        yield f"#{'  - ' if option.required else '    '}{option.key}: {option.example}"


def _section(name: str, model: type[BaseModel]) -> Iterator[str]:
    yield from _prose([section_help(name)])
    yield f"#{name}:"
    for option in option_help(model):
        yield from _prose([option.help], "  ")
        yield f"#  {option.key}: {option.example}"


def _thresholds() -> Iterator[str]:
    yield from _prose([section_help("thresholds")])
    yield "#thresholds:"
    for name, warning, critical in (("query.duration", "30s", "5m"), ("host.disk.usage", "75%", "90%"), ("locks.waiting", "1", "10")):
        yield f"#  {name}: {yaml_value({'warning': warning, 'critical': critical})}"

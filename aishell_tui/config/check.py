"""From a document to checked values: every error of the file at once, each at its place, with the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from aishell_core.catalogue import CATALOGUE
from aishell_core.documents.document import Document, KeyPath, Plain
from aishell_core.documents.fields import kind_of
from aishell_core.documents.problems import InvalidConfigError, Problem, nearest
from aishell_core.documents.spec import keys_by_pattern, problems_of
from aishell_tui.config.alerts import AlertsSpec, ChannelSpec, HeartbeatSpec
from aishell_tui.config.backups import BackupSpec, EncryptionSpec, JobSpec, RetentionSpec, StorageSpec
from aishell_tui.config.fields import Surroundings
from aishell_tui.config.limits import Limit, parse_limit, thresholds_of, unknown_metric
from aishell_tui.config.models import LATER_ROOMS, ConfigSpec, DashboardSpec, HistorySpec, RoleSpec, TargetSpec
from aishell_tui.config.secret_spec import SecretSpec

_MODELS: tuple[tuple[tuple[str, ...], type[BaseModel]], ...] = (
    ((), ConfigSpec),
    (("targets", "*"), TargetSpec),
    (("targets", "*", "password"), SecretSpec),
    (("roles", "*"), RoleSpec),
    (("dashboard",), DashboardSpec),
    (("history",), HistorySpec),
    (("alerts",), AlertsSpec),
    (("alerts", "channels", "*"), ChannelSpec),
    (("alerts", "channels", "*", "key"), SecretSpec),
    (("alerts", "heartbeat"), HeartbeatSpec),
    (("backup",), BackupSpec),
    (("backup", "encryption"), EncryptionSpec),
    (("backup", "encryption", "passphrase"), SecretSpec),
    (("backup", "encryption", "identities", "*"), SecretSpec),
    (("backup", "retention"), RetentionSpec),
    (("backup", "storage"), StorageSpec),
    (("backup", "storage", "credentials", "*"), SecretSpec),
    (("backup", "cloud"), StorageSpec),
    (("backup", "cloud", "credentials", "*"), SecretSpec),
    (("backups", "*"), JobSpec),
    (("backups", "*", "retention"), RetentionSpec),
    (("backups", "*", "storage"), StorageSpec),
    (("backups", "*", "storage", "credentials", "*"), SecretSpec),
    (("thresholds", "*"), Limit),
)
_HINTS: Mapping[str | int, str] = {
    "password": "write password: {env: NAME}, {file: PATH} or {command: [...]}",
    "targets": "write a list: - name: app, and url: below it",
    "channels": 'write name: {url: "${SLACK_URL}"} below it',
    "roles": "write a list: - role: operator, and users: [ann] below it",
    "backups": "write a list: - name: nightly, and schedule: below it",
}


@dataclass(frozen=True, slots=True)
class Checked:
    """A file's values, and what is worth a warning in it."""

    spec: ConfigSpec
    warnings: tuple[Problem, ...] = ()


def check_document(document: Document, around: Surroundings, themes: tuple[str, ...] = ()) -> Checked:
    """The checked values of a document; raises InvalidConfigError with all its errors in the order of their lines."""
    content = document.content
    if content is None:
        return Checked(ConfigSpec())
    if not isinstance(content, dict):
        what = f"the file must hold keys such as targets: and dashboard:, but {kind_of(content)} was found"
        raise InvalidConfigError([document.problem((), what, nearest("", _keys_at(())))])
    known = {key: value for key, value in content.items() if key not in LATER_ROOMS}
    problems = [
        *_duplicate_names(document, known, "targets", "target"),
        *_duplicate_names(document, known, "backups", "job"),
        *_limit_problems(document, known),
        *_theme_problems(document, known, themes),
    ]
    spec = ConfigSpec()
    try:
        spec = ConfigSpec.model_validate(_without_nothing(known), context=around)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            problems.extend(problems_of(document, detail, _keys_at, _HINTS))
    if problems:
        raise InvalidConfigError(sorted(dict.fromkeys(problems), key=lambda problem: (problem.line, problem.column)))
    return Checked(spec, tuple(_later_rooms(document, content)))


def _without_nothing(content: dict[str, Plain]) -> dict[str, Plain]:
    """The content without the sections that hold only comments, as the starter file has them."""
    return {key: value for key, value in content.items() if value is not None}


def _keys_at(path: KeyPath) -> tuple[str, ...]:
    return keys_by_pattern(path, _MODELS)


def _duplicate_names(document: Document, content: dict[str, Plain], section: str, what: str) -> Iterator[Problem]:
    entries = content.get(section)
    first: dict[str, int] = {}
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue
        path: KeyPath = (section, index, "name")
        span = document.span(path)
        if name in first:
            yield document.problem(path, f"a second {what} is named {name!r}; the first is in line {first[name]}", "give each its own name")
        elif span is not None:
            first[name] = span.line


def _limit_problems(document: Document, content: dict[str, Plain]) -> Iterator[Problem]:
    section = content.get("thresholds")
    for name, limits in (section if isinstance(section, dict) else {}).items():
        metric = CATALOGUE.get(name)
        if metric is None:
            what, hint = unknown_metric(name)
            yield document.problem(("thresholds", name), what, hint, of_key=True)
        elif isinstance(limits, dict):
            found = list(_value_problems(document, name, limits))
            yield from found or _order_problems(document, name, limits)


def _value_problems(document: Document, name: str, limits: dict[str, Plain]) -> Iterator[Problem]:
    for word in ("warning", "critical"):
        value = limits.get(word)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            try:
                parse_limit(CATALOGUE[name], value, None)
            except PydanticCustomError as error:
                yield _limit_problem(document, ("thresholds", name, word), error)


def _order_problems(document: Document, name: str, limits: dict[str, Plain]) -> Iterator[Problem]:
    warning, critical = limits.get("warning"), limits.get("critical")
    if not isinstance(warning, str | int | float | None) or not isinstance(critical, str | int | float | None):
        return
    try:
        thresholds_of(CATALOGUE[name], Limit.model_construct(warning=warning, critical=critical))
    except PydanticCustomError as error:
        yield _limit_problem(document, ("thresholds", name), error)


def _limit_problem(document: Document, path: KeyPath, error: PydanticCustomError) -> Problem:
    context = error.context or {}
    return document.problem(path, str(context["what"]), str(context["hint"]))


def _theme_problems(document: Document, content: dict[str, Plain], themes: tuple[str, ...]) -> Iterator[Problem]:
    dashboard = content.get("dashboard")
    theme = dashboard.get("theme") if isinstance(dashboard, dict) else None
    if themes and isinstance(theme, str) and theme not in themes:
        yield document.problem(("dashboard", "theme"), f"there is no theme {theme!r}", nearest(theme, themes))


def _later_rooms(document: Document, content: dict[str, Plain]) -> Iterator[Problem]:
    for name in LATER_ROOMS:
        if name in content:
            yield document.problem((name,), f"this version does not act on {name!r} yet; the section is ignored", of_key=True)

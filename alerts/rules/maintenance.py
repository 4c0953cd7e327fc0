"""From an entry of `maintenance:` to the times at which nobody is told."""

from __future__ import annotations

from pydantic import ValidationError

from aishell_core.documents.document import Document, KeyPath, Plain
from aishell_core.documents.spec import existing, keys_by_pattern, problems_of
from alerts.rule import Maintenance
from alerts.rules.book import BrokenRule
from alerts.rules.spec import HoursSpec, MaintenanceSpec

_MODELS = (((), MaintenanceSpec), (("hours", "*"), HoursSpec))
_HINTS: dict[str | int, str] = {"hours": "write {days: sun, times: 22:00-04:00}"}


def read_maintenance(document: Document, path: KeyPath, content: Plain) -> Maintenance | BrokenRule:
    """The times that an entry says, or everything that is wrong with it at once."""
    try:
        return MaintenanceSpec.model_validate(content).maintenance
    except ValidationError as error:
        name = content.get("name") if isinstance(content, dict) else None
        problems = tuple(
            problem
            for detail in error.errors(include_url=False)
            for problem in problems_of(document, detail, _keys_at, _HINTS, existing(document, path, tuple(detail["loc"])))
        )
        return BrokenRule(f"maintenance {name}" if isinstance(name, str) else "maintenance", problems)


def _keys_at(path: KeyPath) -> tuple[str, ...]:
    return keys_by_pattern(path, _MODELS)

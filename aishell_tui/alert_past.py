"""Which targets the kept history is of, and what they are, as far as configuration and figures say. Blocking; fetches no secret."""

from __future__ import annotations

from collections.abc import Iterator

from aishell_core.documents.problems import nearest
from aishell_core.errors import UsageError
from aishell_core.state.database import StateDatabase
from aishell_core.values import TargetId
from aishell_tui.config.load import Configuration
from alerts.models import Traits
from alerts.playback import engine_of

_PEEK_SECONDS = 6 * 3600.0
_MOST_PEEKS = 200


def kept_targets(database: StateDatabase, loaded: Configuration, since: float, until: float, only: str = "") -> tuple[Traits, ...]:
    """The targets of which anything is kept, all or one; raises UsageError for one of which nothing is, and StateError."""
    known = database.targets()
    if only and only not in known:
        raise UsageError(
            f"nothing is kept of a target {only!r}", nearest(only, known) if known else "history comes with a dashboard that runs"
        )
    names = [TargetId(only)] if only else known
    return tuple(_traits(database, loaded, name, since, until) for name in names)


def _traits(database: StateDatabase, loaded: Configuration, name: TargetId, since: float, until: float) -> Traits:
    spec = next((each.spec for each in loaded.targets if each.spec.name == name), None)
    engine = spec.url.location.engine if spec is not None and spec.url is not None and spec.url.obstacle is None else ""
    engine = engine or next((found for found in _engines(database, name, since, until) if found), "")
    if spec is None:
        return Traits(name, engine)
    return Traits(name, engine, environment=spec.environment.value, tags=spec.tags)


def configured_traits(loaded: Configuration) -> Iterator[Traits]:
    """What the configured targets are, as far as the configuration says."""
    for spec in (each.spec for each in loaded.targets):
        engine = spec.url.location.engine if spec.url is not None and spec.url.obstacle is None else ""
        yield Traits(TargetId(spec.name), engine, environment=spec.environment.value, tags=spec.tags)


def _engines(database: StateDatabase, name: TargetId, since: float, until: float) -> Iterator[str]:
    """What the newest figures that there are say, some hours at a time."""
    end = until
    for _ in range(_MOST_PEEKS):
        yield engine_of(database.history(name, end - _PEEK_SECONDS, end))
        end -= _PEEK_SECONDS
        if end <= since:
            return

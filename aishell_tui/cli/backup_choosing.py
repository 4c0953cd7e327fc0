"""Which backups a list shows, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aishell_ops.backups.models import Backup, Format
    from aishell_ops.backups.unmade import Unmade

KEYS: dict[str, Callable[[Backup], Any]] = {
    "time": lambda backup: backup.manifest.started_at,
    "target": lambda backup: (backup.manifest.source.target, backup.manifest.started_at),
    "size": lambda backup: backup.manifest.plain_bytes,
    "stored": lambda backup: backup.manifest.stored_bytes,
    "duration": lambda backup: backup.manifest.duration_seconds,
    "state": lambda backup: (backup.state.value, backup.manifest.started_at),
}
"""What `--sort` may name, and what of a backup it compares."""
_UNMADE_KEYS: dict[str, Callable[[Unmade], Any]] = {
    "time": lambda one: one.begun_at,
    "target": lambda one: (one.target, one.begun_at),
    "size": lambda _one: 0,
    "stored": lambda one: one.stored_bytes,
    "duration": lambda one: (one.ended_at or one.begun_at) - one.begun_at,
    "state": lambda one: (one.state.value, one.begun_at),
}
"""The same keys of what has no manifest."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: a span in epoch seconds, names of targets (empty for all), a form (None for any), a lower-case text."""

    begin: float
    end: float
    targets: frozenset[str]
    form: Format | None
    text: str

    def takes(self, backup: Backup) -> bool:
        """Whether a backup is among it."""
        manifest = backup.manifest
        words = f"{backup.id} {manifest.source.target} {manifest.source.database} {manifest.job} {backup.state}"
        of_form = self.form is None or manifest.format is self.form
        return of_form and self._takes(manifest.started_at, manifest.source.target, words)

    def takes_unmade(self, one: Unmade) -> bool:
        """Whether what came to nothing is; it has no form."""
        words = f"{one.id} {one.target} {one.database} {one.job} {one.state}"
        return self.form is None and self._takes(one.begun_at, one.target, words)

    def _takes(self, begun_at: float, target: str, words: str) -> bool:
        return self.begin <= begun_at < self.end and (not self.targets or target in self.targets) and self.text in words.lower()


def sort_key(one: Backup | Unmade, word: str) -> Any:  # noqa: ANN401 - what is compared depends on the word
    """What a list is sorted by."""
    from aishell_ops.backups.unmade import Unmade

    return _UNMADE_KEYS[word](one) if isinstance(one, Unmade) else KEYS[word](one)

"""The rule book in force, read anew when a file has changed.

Others keep the source that `rule_book_source` or `shipped_rules` makes. What reads a configuration is loaded when there is one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aishell_core.documents.problems import InvalidConfigError
from aishell_tui.config.locate import is_nothing_configured, possible_files
from aishell_tui.places import Places, find_places
from alerts.language.checker import KEPT, Kept
from alerts.rules.book import RuleBook
from alerts.rules.shipped import shipped_book
from alerts.rules.watch import FileWatch

if TYPE_CHECKING:
    from aishell_tui.config.load import Configuration

_SECRETS_SECONDS = 30.0


def rule_book_source(
    chosen: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    working_folder: Path | None = None,
    places: Places | None = None,
    kept: Kept = KEPT,
) -> RuleBookSource:
    """The rule book of the files that a program is configured by, whether they exist already or not."""
    folder, places = working_folder or Path.cwd(), places or find_places(environ)
    candidates = [file.path for file in possible_files(places, folder, chosen, environ)]
    own = {places.config_file, places.backup_file}

    def load() -> Configuration:
        from aishell_tui.config.load import load_config

        return load_config(chosen, environ=environ, working_folder=folder, places=places)

    def is_plain() -> bool:
        return chosen is None and kept == KEPT and is_nothing_configured(places, folder, environ)

    return RuleBookSource(load, candidates, kept, is_plain, frozenset(map(str, own)))


def shipped_rules() -> RuleBookSource:
    """The rules that ship with their own values and nothing else: no file is read, and nobody is told."""

    def load() -> Configuration:
        from aishell_tui.config.load import Configuration

        return Configuration()

    return RuleBookSource(load, is_plain=lambda: True)


class RuleBookSource:
    """The rule book as the files say it now.

    `load` reads the configuration; `candidates` are files that may come to be. `is_plain` says that there is no configuration
    now, so that the rules that ship are in force as they are. `own` are the files that every program of this user goes by.
    """

    def __init__(
        self,
        load: Callable[[], Configuration],
        candidates: Sequence[Path] = (),
        kept: Kept = KEPT,
        is_plain: Callable[[], bool] = lambda: False,
        own: frozenset[str] = frozenset(),
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._candidates, self._kept, self._is_plain = load, tuple(candidates), kept, is_plain
        self._own = own
        self._steady, self._read_at = steady, 0.0
        self._watch = FileWatch()
        self._configuration: Configuration | None = None
        self._is_read = False
        self.book = RuleBook()
        """The newest book; empty before the first `refresh`."""

    def refresh(self) -> RuleBook | None:
        """The new book when the content of a file has changed it since the last call, and at the first call; else None. Blocking.

        While the secret of a channel cannot be had, all is read again every half minute: a vault may be open again.
        Of a configuration that has become wrong the rules that were in force stay in force, and its errors are the book's faults.
        """
        has_changed = self._watch.changed(self._paths())
        lacks_secrets = bool(self.book.settings.lacking) and self._steady() - self._read_at >= _SECRETS_SECONDS
        if not has_changed and not lacks_secrets:
            return None
        self._read_at = self._steady()
        try:
            book = self._with_candidates(self._read())
        except InvalidConfigError as error:
            book = replace(self.book, faults=error.problems)
        # Files that are named anew are seen as a change by the next call, which then finds the same book.
        if self._is_read and book == self.book:
            return None
        self.book, self._is_read = book, True
        return book

    def _read(self) -> RuleBook:
        if self._is_plain():
            self._configuration = None
            return shipped_book(self.book)
        from aishell_tui.config.alert_rules import read_rule_book

        self._configuration = self._load()
        return read_rule_book(self._configuration, self._kept, self.book)

    def _with_candidates(self, book: RuleBook) -> RuleBook:
        """A file that is gone has been read too: what it configured is not configured any more."""
        files = book.settings.files | set(map(str, self._candidates))
        # Of a working folder's files that of the rules stands behind that of the backups.
        over = max(book.settings.files - self._own, default="")
        return replace(book, settings=replace(book.settings, files=files, configuration=over))

    def _paths(self) -> Iterator[Path]:
        yield from self._candidates
        if self._configuration is not None:
            from aishell_tui.config.alert_rules import rule_files_of
            from alerts.rules.files import rule_paths

            yield from self._configuration.files
            yield from rule_paths(rule_files_of(self._configuration.alerts))

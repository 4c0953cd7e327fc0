"""One name for a statement, whether the server names it by a digest or its text was seen running."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import cache

from aishell_core.engines.mysql_facts import QUESTIONS, facts_statement, start_statement
from aishell_core.engines.statement_text import Dialect, normalise
from collectors.mysql.question_files import QUERIES
from collectors.text_digests import TextDigests

DIGITS = 16
"""So many of a server's 32 or 64 hexadecimal digits are shown: enough to tell some thousand statements apart."""

_TELLING = 38
"""So many signs at the beginning of one of our statements tell it from others; a shorter one may be anybody's."""

_PLAIN = re.compile(r"`([A-Za-z_]\w*)`")
# Several values beside each other, as the server writes them, or each for itself.
_VALUES = re.compile(r"\?(?:,(?:\?|\.\.\.))+|\.\.\.")


def readable_text(digest_text: str) -> str:
    """A server's digest text as it would be written: no quotes round plain names, no blanks round dots."""
    return normalise(_PLAIN.sub(r"\1", digest_text), Dialect.MYSQL)


def key_of(text: str) -> str:
    """What a statement and the server's digest text of it have in common."""
    return _VALUES.sub("?", re.sub(r"\s+", "", readable_text(text)).lower()).replace("<>", "!=")


@cache
def _own_beginnings() -> tuple[str, ...]:
    texts = [file.text for files in QUERIES.values() for file in files.all()]
    texts += [facts_statement(QUESTIONS), start_statement(mariadb=True), start_statement(mariadb=False)]
    keys = {key_of(text.replace("%s", "?").replace("%%", "%")) for text in texts}
    return tuple(key[:_TELLING] for key in keys if len(key) >= _TELLING)


def is_own(text: str) -> bool:
    """Whether a server's digest text is that of one of our questions.

    A server keeps no comments there, cuts long texts off and writes some names as keywords, so that the beginning decides.
    """
    return key_of(text).startswith(_own_beginnings())


class DigestNames:
    """Digests of statements by what is known of them: the server's where its text is known, else one of our own."""

    def __init__(self, digests: TextDigests) -> None:
        self._digests = digests
        self._by_key: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._first: dict[str, str] = {}

    def entry(self, digest: str, database: str) -> str:
        """The name of what a server counts: its digest, and the database behind it for all but the first one."""
        short = digest[:DIGITS]
        first = self._first.setdefault(short, database)
        return short if first == database else f"{short}@{database}"

    def learn(self, digest: str, text: str) -> None:
        """Take note of the text that a server has for a digest."""
        self._by_key[key_of(text)] = digest[:DIGITS]

    def keep(self, digests: Container[str]) -> None:
        """Forget the digests that are not among these."""
        self._first = {short: first for short, first in self._first.items() if short in digests}
        self._by_key = {key: short for key, short in self._by_key.items() if short in digests}

    def seen(self, digest: str | None, text: str, database: str) -> str:
        """The name of what a session runs, "" where it runs nothing that is known."""
        if digest:
            return self.entry(digest, database)
        own, _ = self._digests.of(text)
        if not own or not self._by_key:
            return own
        key = self._keys.get(own)
        if key is None:
            if len(self._keys) > 4096:
                self._keys.clear()
            key = self._keys[own] = key_of(text)
        short = self._by_key.get(key)
        return self.entry(short, database) if short is not None else own

"""Rules that two programs on one state have under one name and with other contents: what holds, and who has it otherwise.

What holds on a target is the rule of whoever judges it. One who has it otherwise finds that out by the marks of rules that each
judge leaves, and leaves word of it, so that the judge can say so as well. Blocking, over an open store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from aishell_core.clock import Clock
from aishell_core.errors import StateError
from alerts.lease import BEAT_SECONDS, Claim, is_alive
from alerts.store import variant_rows
from alerts.store.database import AlertStore
from alerts.store.variant_rows import Reader
from alerts.wording import Wording


@dataclass(frozen=True, slots=True)
class Variance:
    """Rules of which two programs have two contents, each with the holder of the other one.

    Of those `overruled` the other one's content holds, on targets that both watch; of those `disputed` this program's does.
    """

    overruled: Mapping[str, str] = field(default_factory=dict)
    disputed: Mapping[str, str] = field(default_factory=dict)


def overruled(
    connection: sqlite3.Connection,
    clock: Clock,
    boot: str,
    wording: Wording,
    targets: Collection[str],
    targets_of: Callable[[str], Collection[str]],
) -> dict[str, str]:
    """The rules that somebody judges otherwise on some of these targets, each with the holder; `targets_of` says whom a rule is for."""
    found: dict[str, str] = {}
    for reader in _others(connection, clock, boot, wording):
        marks = variant_rows.marks_of(connection, reader.tenure.fence)
        judged = variant_rows.judged_by(connection, reader.tenure.fence, targets)
        names = (name for name in sorted(wording.differing(marks)) if not judged.isdisjoint(targets_of(name)))
        found |= dict.fromkeys(names, reader.tenure.holder)
    return found


def _others(connection: sqlite3.Connection, clock: Clock, boot: str, wording: Wording) -> Iterator[Reader]:
    """Those who live and judge by other rules than these."""
    for reader in variant_rows.readers(connection):
        if reader.whole not in {"", wording.whole} and is_alive(reader.tenure, clock, boot):
            yield reader


class Comparison:
    """What one program tells of its rules, and what it finds in those of others."""

    def __init__(self, clock: Clock, *, holder: str, boot: str) -> None:
        self._clock = clock
        self._holder = holder
        self._boot = boot
        self._told: tuple[int, str] | None = None
        self._said: dict[str, str] = {}
        self._said_at = 0.0

    def look(self, store: AlertStore, fence: int, claim: Claim) -> Variance:
        """Compare, for a program that is known by `fence` among those who judge, 0 where it judges nothing; raises StateError."""
        wording = claim.wording()
        if wording is None:
            return Variance()
        if fence and self._told != (fence, wording.whole):
            store.transact(lambda connection: variant_rows.tell_marks(connection, fence, wording.marks, wording.whole), is_durable=False)
            self._told = fence, wording.whole
        found = store.read(
            lambda connection: Variance(
                overruled(connection, self._clock, self._boot, wording, claim.targets, claim.targets_of),
                self._disputed(connection) if fence else {},
            ),
            Variance(),
        )
        self._say(store, dict(found.overruled))
        return found

    def leave(self, store: AlertStore) -> None:
        """This program ends, and has nothing otherwise any more."""
        with suppress(StateError):  # who cannot write it is taken for gone when it gives no more signs of life
            self._say(store, {})

    def _disputed(self, connection: sqlite3.Connection) -> dict[str, str]:
        variants = variant_rows.variants(connection, self._holder)
        living = [each for each in variants if each.holder != self._holder and is_alive(each, self._clock, self._boot)]
        return {name: each.holder for each in living for name in sorted(each.rules)}

    def _say(self, store: AlertStore, found: dict[str, str]) -> None:
        steady, at = self._clock.steady(), self._clock.now()
        if found == self._said and not (found and steady - self._said_at >= BEAT_SECONDS):
            return
        store.transact(lambda connection: variant_rows.put(connection, self._holder, self._boot, steady, at, found), is_durable=False)
        self._said, self._said_at = found, steady

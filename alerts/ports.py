"""What the service of alerts needs of others, and what it tells them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from aishell_core.values import TargetId
from alerts.handling import Evaluation
from alerts.models import Alert, AlertChange, Evidence, Fingerprint, Silence, Traits
from alerts.notify.models import Routes
from alerts.rules.book import BrokenRule, RuleBook
from alerts.variance import Variance

T = TypeVar("T")

TraitsSource = Callable[[], Mapping[TargetId, Traits]]
"""What every watched target is just now; one that is missing is not watched any more. Asked at each evaluation."""

EvidenceSource = Callable[[Alert], Evidence | None]
"""What is to be seen at the moment an alert fires, from what is known already; it must neither wait nor raise."""


class RuleSource(Protocol):
    """Where rules come from; asked every few seconds, off the event loop."""

    def refresh(self) -> RuleBook | None:
        """The rule book when it is another one than at the last call, and at the first call; else None."""


class Transact(Protocol):
    """Runs work in one short transaction on the state database, off the event loop, as the one who evaluates."""

    async def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """The work's result once it is committed; raises StateError, and nothing is written, when another one evaluates by now."""


class Teller(Protocol):
    """Who has people told."""

    judge: int
    """What this program is known by among those who evaluate (`alerts.store.lease_rows`), 0 where it is alone."""
    trouble: str
    """Why nothing can be sent just now, "" while all is well; a channel that fails is no such reason."""

    def configure(self, routes: Routes) -> None:
        """Use another configuration from now on."""

    @property
    def waits_until(self) -> float | None:
        """When a message that waits for its causes goes out without them, in the alerts' own time; None where none waits."""

    def is_due(self, now: float) -> bool:
        """Whether `queue` has something to do although nothing has changed."""

    def queue(
        self, connection: sqlite3.Connection, changes: Sequence[AlertChange], alerts: Mapping[Fingerprint, Alert], now: float
    ) -> None:
        """Write down what is to be told, in the transaction of the changes."""

    def hurry(self) -> None:
        """What was written down by `queue` is on the disk, and may be sent."""

    async def run(self) -> None:
        """Send what is written down until cancelled; raises StateError when this program may not any more."""


MakeTeller = Callable[[Transact, Callable[[], bool]], Teller]
"""Makes the teller from a way to the state database, and from who knows whether this program may tell anything now."""


@dataclass(frozen=True, slots=True)
class Company:
    """What this program has to do with the others on its state: how many targets it watches, and which rules others have otherwise."""

    watched: int = 0
    variance: Variance = field(default_factory=Variance)


@dataclass(frozen=True, slots=True)
class AlertsView:
    """Alerts as a screen shows them. Without an evaluation that is alive nobody watches; `note` says what is wrong besides."""

    at: float = 0.0
    alerts: tuple[Alert, ...] = ()
    silences: tuple[Silence, ...] = ()
    evaluation: Evaluation = field(default_factory=Evaluation)
    is_evaluator: bool = False
    book: RuleBook = field(default_factory=RuleBook)
    note: str = ""
    unjudged_rules: tuple[str, ...] = ()
    """Rules of this program that whoever evaluates its targets does not have."""

    is_ready: bool = True
    """False at a start, before rules were read and judged for the first time: nothing is known then of who evaluates, and of what."""

    company: Company = Company()

    @property
    def broken(self) -> tuple[BrokenRule, ...]:
        """The rules that are not evaluated, with all that is wrong with them."""
        return self.book.broken

"""Who evaluates and tells, when several programs run on one state: of each target exactly one, known by signs of life.

A program takes the targets that it watches and nobody else has; one with further targets judges those, and leaves the others to
whoever has them. It gives a sign of life with every write, at least every `BEAT_SECONDS`. One that gave none for
`TAKEN_AFTER_SECONDS` is taken for dead and loses all its targets at once, to those who watch them, within 15 s of its end.
A rule that whoever has a target does not go by is judged there by one who watches the target too and has the rule: of each such
rule on each target exactly one as well (`Holding.shares`), until the other one goes by the rule. It waits some seconds, because files
of rules are read by all within a few.

No wall clock has a say in that: on one machine the age of a beat is read from the steady clock, which all programs share until it
starts again (the boot's id tells); a beat of anywhere else is watched for as long.

A program that was stopped and wakes up has nothing any more: each write names its fence, and is refused when the database does not
have that one. Before it sends anything it asks `is_held`, which is True only for a time after the last beat in which nobody
else can have taken over.

A target that nobody who runs watches stays as it was left. It is given up, so that its alerts end, by a program that reads the
file which configured it and finds it there no more, or an hour after it was left when no file ever had it.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from aishell_core.clock import Clock
from aishell_core.errors import StateError
from alerts.holding import Holding, Share
from alerts.store import lease_rows
from alerts.store.database import AlertStore
from alerts.store.lease_rows import ALL_TARGETS, Tenure, Tenures, Ward
from alerts.store.variant_rows import Variant
from alerts.wording import Wording

T = TypeVar("T")

BEAT_SECONDS = 2.0
TAKEN_AFTER_SECONDS = 10.0
SHARED_AFTER_SECONDS = 6.0
"""So long whoever has a target must have gone without a rule before another one judges it there."""
LET_GO_SECONDS = 3600.0
"""So long after it was left a target that no file configures is given up."""
_HELD_SECONDS = 8.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LeaseLostError(StateError):
    """Another program evaluates by now; nothing was written."""

    def __init__(self) -> None:
        super().__init__("another aishell evaluates the alerts by now", "this one takes over when that one ends")


def own_name() -> str:
    """A name for this program as a holder, that no other one has: machine, process, and some random digits."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def own_boot() -> str:
    """What names this start of this machine; a random one where the system has none, so that beats of others are watched."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return uuid.uuid4().hex


def is_alive(sign: Tenure | Variant, clock: Clock, boot: str) -> bool:
    """Whether somebody gave a sign of life; of another machine, or another start of this one, only the wall clock tells when."""
    passed = clock.steady() - sign.steady if sign.boot == boot else clock.now() - sign.at
    return 0 <= passed < TAKEN_AFTER_SECONDS


@dataclass(frozen=True, slots=True)
class Claim:
    """What a program could judge: the targets that it watches, by their names as they are stored.

    `configured` are all targets of its files, each with its file; `files` are those that it has read; `alive` are the alerts that it
    has, each as its target and rule; `rules` is what it judges by, None before it has read any, and `targets_of` says for which targets
    a rule is.
    """

    targets: frozenset[str] = frozenset()
    configured: Mapping[str, str] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
    alive: frozenset[Share] = frozenset()
    rules: frozenset[str] | None = None
    targets_of: Callable[[str], frozenset[str]] = lambda _rule: frozenset()
    wording: Callable[[], Wording | None] = lambda: None
    """How the rules read; may take its time."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What has to be written: who is dead, and targets to take (with their origin), leave, forget and note; shares to take and leave."""

    dead: tuple[int, ...] = ()
    taken: Mapping[str, str] = field(default_factory=dict)
    left: frozenset[str] = frozenset()
    over: frozenset[str] = frozenset()
    noted: Mapping[str, str] = field(default_factory=dict)
    shared: frozenset[Share] = frozenset()
    unshared: frozenset[Share] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.dead or self.taken or self.left or self.over or self.noted or self.shared or self.unshared)


class Lease:
    """One program's claim to evaluate. Blocking but for `is_held`; the calls come from the store's thread."""

    def __init__(self, store: AlertStore, clock: Clock, *, holder: str, boot: str) -> None:
        self._store = store
        self._clock = clock
        self._holder = holder
        self._boot = boot
        self._fence: int | None = None
        self._holding = Holding()
        self._lacking_since: dict[Share, float] = {}
        self._beaten = 0.0
        self._watched: dict[int, tuple[int, float]] = {}
        self._left: dict[str, tuple[float, float, float]] = {}
        self._is_alone = False
        self._rules: tuple[int, frozenset[str] | None] | None = None

    @property
    def fence(self) -> int:
        """What this program is known by, 0 while it has nothing."""
        return self._fence or 0

    @property
    def holding(self) -> Holding:
        """The targets that are this program's, `ALL_TARGETS` for the figures across all of them, and what it shares with others."""
        return self._holding

    @property
    def is_held(self) -> bool:
        """Whether this program surely has its targets now; may be asked from any thread."""
        return self._fence is not None and self._clock.steady() - self._beaten < _HELD_SECONDS

    @property
    def is_claimed(self) -> bool:
        """Whether this program took targets and has not noticed that it lost them; a write would tell."""
        return self._fence is not None

    @property
    def needs_beat(self) -> bool:
        """Whether a sign of life is due."""
        return self._clock.steady() - self._beaten >= BEAT_SECONDS

    def contend(self, claim: Claim | None = None) -> bool:
        """Take what nobody has; whether this program has anything now. Raises StateError."""
        if self._is_alone:
            return True
        wanted = claim if claim is not None else Claim()
        self._tell_rules(wanted.rules)
        found = self._store.read(lease_rows.load, Tenures())
        if self._plan(found, wanted):
            self._fence, self._holding, beaten = self._store.transact(lambda connection: self._settle(connection, wanted))
            self._beaten = beaten if beaten is not None else self._beaten
            self._tell_rules(wanted.rules)
        else:
            self._holding = replace(self._holding, apart=self._apart(found.shares, self._holding.targets))
        return self._fence is not None

    def _tell_rules(self, rules: frozenset[str] | None) -> None:
        """Before any rule is judged that the others do not know of: whoever judges it on these targets gives it back."""
        fence = self._fence
        if fence is not None and rules is not None and self._rules != (fence, rules):
            self._store.transact(lambda connection: lease_rows.tell_rules(connection, fence, rules), is_durable=False)
            self._rules = fence, rules

    def write(self, work: Callable[[sqlite3.Connection], T], *, evaluated_at: float | None = None, is_durable: bool = True) -> T:
        """The result of `work` in one transaction, which is a sign of life too; raises LeaseLostError before `work` is called."""
        fence = self._fence
        if fence is None:
            raise LeaseLostError
        steady, at = self._clock.steady(), self._clock.now()

        def fenced(connection: sqlite3.Connection) -> T:
            if not lease_rows.beat(connection, fence, steady, at, evaluated_at):
                raise LeaseLostError
            return work(connection)

        try:
            result = self._store.transact(fenced, is_durable=is_durable)
        except LeaseLostError:
            self._lose()
            raise
        self._beaten = max(self._beaten, steady)
        return result

    def give_back(self) -> None:
        """Let others take over at once; raises StateError."""
        fence = self._fence
        self._lose()
        if fence is not None:
            self._store.transact(lambda connection: lease_rows.end(connection, fence, self._clock.now()), is_durable=False)

    def moved(self, store: AlertStore) -> Lease:
        """The same claim on a copy of the state that no other program sees: it neither gains nor loses anything there."""
        copy = Lease(store, self._clock, holder=self._holder, boot=self._boot)
        steady, fence = self._clock.steady(), self.fence
        store.transact(lambda connection: lease_rows.restore(connection, fence, self._holder, self._boot, steady, self._clock.now()))
        copy._fence, copy._holding, copy._beaten, copy._is_alone = self._fence, self._holding, steady, True
        return copy

    def _lose(self) -> None:
        self._fence, self._holding = None, Holding()

    def _settle(self, connection: sqlite3.Connection, claim: Claim) -> tuple[int | None, Holding, float | None]:
        """Write what is to be written: the fence, what is held after it, and when a sign of life was given, if it was."""
        steady, at = self._clock.steady(), self._clock.now()
        plan = self._plan(lease_rows.load(connection), claim)
        for fence in plan.dead:
            lease_rows.end(connection, fence, at)
        own, held, beaten = self._fence, self._holding, None
        if own is None and (plan.taken or plan.shared):
            own, beaten = lease_rows.begin(connection, self._holder, self._boot, steady, at, len(claim.targets)), steady
        if own is not None:
            lease_rows.claim(connection, own, plan.taken)
            lease_rows.share(connection, own, plan.shared)
            lease_rows.unshare(connection, own, plan.unshared)
        lease_rows.release(connection, plan.left, at)
        lease_rows.forget(connection, plan.over)
        lease_rows.know(connection, plan.noted, at)
        targets = (held.targets | plan.taken.keys()) - plan.left - plan.over
        shares = (held.shares | plan.shared) - plan.unshared
        return own, Holding(targets, shares, self._apart(lease_rows.shares(connection), targets, own)), beaten

    def _apart(self, shares: Mapping[Share, int], targets: frozenset[str], own: int | None = None) -> frozenset[Share]:
        """What others judge of this program's targets."""
        mine = own if own is not None else self._fence
        return frozenset(each for each, fence in shares.items() if fence != mine and each[0] in targets)

    def _plan(self, found: Tenures, claim: Claim) -> _Plan:
        """What is to be written for this claim. One who was replaced finds out here, if not by a write."""
        if self._fence is not None and all(judge.fence != self._fence for judge in found.judges):
            self._lose()
        others = [judge for judge in found.judges if judge.fence != self._fence]
        dead = tuple(judge.fence for judge in others if self._is_silent(judge))
        living = {judge.fence: judge for judge in others if judge.fence not in dead}
        known = {ward.target: ward for ward in found.wards}
        wanted = claim.targets | {ward.target for ward in found.wards if self._is_given_up(ward, claim)}
        # Figures across all targets are judged by whoever sees most of them.
        is_fullest = all(judge.targets <= len(claim.targets) for judge in living.values())
        wanted |= {ALL_TARGETS} if is_fullest else set()
        held = self._holding.targets
        free = {target for target in wanted - held if target not in known or known[target].fence not in living}
        left = held - claim.targets & (claim.configured.keys() | ({ALL_TARGETS} if not is_fullest else frozenset()))
        over = held - claim.targets - {target for target, _rule in claim.alive} - {ALL_TARGETS} - left
        noted = {name: file for name, file in claim.configured.items() if name not in known or known[name].origin != file}
        elsewhere = {
            name: fence for name, ward in known.items() if (fence := ward.fence) is not None and fence in living and name not in free
        }
        shared, unshared = self._shares(found, claim, elsewhere, frozenset(living))
        return _Plan(dead, {target: claim.configured.get(target, "") for target in sorted(free)}, left, over, noted, shared, unshared)

    def _shares(
        self, found: Tenures, claim: Claim, elsewhere: Mapping[str, int], living: frozenset[int]
    ) -> tuple[frozenset[Share], frozenset[Share]]:
        """The shares to take and to leave, in the targets that others have (`elsewhere`, with their fences)."""
        rules = {
            target: found.rules[fence]
            for target, fence in elsewhere.items()
            if fence in found.rules and (target in claim.targets or target == ALL_TARGETS)
        }
        lacking = self._lacking(claim, rules)
        steady, own = self._clock.steady(), self._holding.shares
        self._lacking_since = {each: self._lacking_since.get(each, steady) for each in lacking}
        waited = {each for each, since in self._lacking_since.items() if steady - since >= SHARED_AFTER_SECONDS}
        shared = frozenset(each for each in waited - own if found.shares.get(each) not in living)
        return shared, frozenset(each for each in own - lacking if self._is_done(each, claim, elsewhere, rules))

    @staticmethod
    def _is_done(share: Share, claim: Claim, elsewhere: Mapping[str, int], rules: Mapping[str, frozenset[str]]) -> bool:
        """Whether a share goes back to whoever has its target: this program itself, or one who goes by the rule, if that is known.

        What fires goes on here while its rule is taken out of the file that has it, so that its end is told.
        """
        target, rule = share
        if target not in elsewhere:
            return True
        return target in rules and (rule in rules[target] or share not in claim.alive)

    def _lacking(self, claim: Claim, rules: Mapping[str, frozenset[str]]) -> frozenset[Share]:
        """This program's rules on targets of others that these do not go by (`rules`, by target)."""
        names = claim.rules or frozenset()
        missing = {those: names - those for those in set(rules.values())}
        reach = {name: claim.targets_of(name) for name in frozenset[str]().union(*missing.values())}
        return frozenset((target, name) for target, those in rules.items() for name in missing[those] if target in reach[name])

    def _is_given_up(self, ward: Ward, claim: Claim) -> bool:
        """Whether a target that nobody has is in no configuration any more."""
        if ward.fence is not None or ward.target in claim.configured or ward.target == ALL_TARGETS:
            return False
        if ward.origin:
            return ward.origin in claim.files
        return ward.left_at is None or self._left_seconds(ward.target, ward.left_at) >= LET_GO_SECONDS

    def _left_seconds(self, target: str, left_at: float) -> float:
        """How long ago a target was left: by the wall clock when this was first seen, and from then on in steady time."""
        steady = self._clock.steady()
        seen = self._left.get(target)
        if seen is None or seen[0] != left_at:
            seen = self._left[target] = left_at, max(0.0, self._clock.now() - left_at), steady
        return seen[1] + steady - seen[2]

    def _is_silent(self, tenure: Tenure) -> bool:
        """Whether one who evaluates has given no sign of life for so long that it must be dead."""
        steady = self._clock.steady()
        watched = self._watched.get(tenure.fence)
        if watched is None or watched[0] != tenure.beat:
            watched = self._watched[tenure.fence] = tenure.beat, steady
        known_seconds = steady - tenure.steady if tenure.boot == self._boot else 0.0
        return max(steady - watched[1], known_seconds) >= TAKEN_AFTER_SECONDS

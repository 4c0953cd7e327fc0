"""What a restore into MongoDB writes down before it changes anything, so that whoever comes next can bring the old database back.

It is a collection of its own beside the others: who restores, which collection has which number, which old one lies aside.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from aishell_core.engines.mongodb_documents import Document
from aishell_core.engines.mongodb_held import HeldClient, bytes_of, fields_of
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.holder import lives, own_holder
from aishell_ops.backups.models import Holder

_NAME = re.compile(r"aishell_restore_(?P<token>[0-9a-f]{8})")
_HOLDER, _DONE = "holder", "done"
_GOING_ON: set[str] = set()
"""The restores of this very process: of those that it has given up it is no sign of life."""


def new_token() -> str:
    """What the names of one restore have in common."""
    return secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class Entry:
    """A collection that the journal knows: its number, its proper name, and how to make it again where it is a view."""

    number: int
    name: str
    view: bool = False
    creation: bytes = b""


class Journal:
    """The journal of one restore; its methods raise MongoError."""

    def __init__(self, client: HeldClient, database: str, token: str) -> None:
        self.database = database
        self.token = token
        self.name = f"aishell_restore_{token}"
        self._client = client

    def new_name(self, number: int) -> str:
        """Under which name a restored collection is prepared."""
        return f"aishell_new_{self.token}_{number}"

    def old_name(self, number: int) -> str:
        """Under which name an old one lies aside."""
        return f"aishell_old_{self.token}_{number}"

    def late_name(self, number: int) -> str:
        """Under which name lies what somebody has put there in between."""
        return f"aishell_late_{self.token}_{number}"

    def begin(self, what: str) -> None:
        """Say who restores."""
        _GOING_ON.add(self.token)
        self.write({"_id": _HOLDER, "holder": asdict(own_holder(what))})

    def leave(self) -> None:
        """This process restores no more, however that ended."""
        _GOING_ON.discard(self.token)

    def write(self, entry: Document) -> None:
        """Add an entry."""
        refused = self._client.insert(self.database, self.name, [bytes_of(entry)], unjudged=False, go_on=False)
        if refused:
            raise BackupError(f"the restore cannot write down what it does: {refused[0].words}", "look at the server's log")

    def note(self, kind: str, number: int) -> None:
        """Say how far a collection has come; the kinds are the names of what `Journaled` has."""
        self.write({"_id": f"{kind} {number}", "number": number})

    def done(self) -> None:
        """Say that the restored collections are in their places."""
        self.write({"_id": _DONE})

    def read(self) -> Journaled:
        """All entries."""
        return _journaled(self.token, {str(entry["_id"]): entry for entry in map(fields_of, self._client.read(self.database, self.name))})


@dataclass(frozen=True, slots=True)
class Journaled:
    """What a journal says, as numbers of its entries.

    `moved` are new ones that were to get their names, `made` those that were to be made there. Of old ones that could not be
    renamed `copying` were begun, `copied` lie aside whole, and `dropped` are no longer in their places.
    """

    token: str
    holder: Holder | None
    done: bool
    new: tuple[Entry, ...] = ()
    old: tuple[Entry, ...] = ()
    moved: frozenset[int] = frozenset()
    made: frozenset[int] = frozenset()
    copying: frozenset[int] = frozenset()
    copied: frozenset[int] = frozenset()
    dropped: frozenset[int] = frozenset()

    @property
    def alive(self) -> bool | None:
        """Whether its restore goes on; None where it runs on another machine."""
        if self.holder is None:
            return False
        ours = own_holder()
        if (self.holder.machine, self.holder.pid) == (ours.machine, ours.pid) and self.token not in _GOING_ON:
            return False
        return lives(self.holder)


def _journaled(token: str, entries: dict[str, Document]) -> Journaled:
    def of(kind: str) -> Iterable[Document]:
        return (entry for name, entry in entries.items() if name.startswith(f"{kind} "))

    return Journaled(
        token,
        _holder(entries.get(_HOLDER, {}).get("holder")),
        _DONE in entries,
        tuple(sorted((_entry(entry) for entry in of("new")), key=lambda one: one.number)),
        tuple(sorted((_entry(entry) for entry in of("old")), key=lambda one: one.number)),
        *(frozenset(int(entry["number"]) for entry in of(kind)) for kind in ("moved", "made", "copying", "copied", "dropped")),
    )


def _entry(entry: Document) -> Entry:
    return Entry(int(entry["number"]), str(entry["name"]), bool(entry.get("view")), bytes(entry.get("creation") or b""))


def _holder(entry: Document | None) -> Holder | None:
    """Who restores; None where that cannot be known, so that nobody is taken to be alive."""
    try:
        return Holder(**entry) if entry else None
    except TypeError:
        return None


def journals_in(client: HeldClient, database: str) -> tuple[Journal, ...]:
    """The journals of restores into a database, interrupted or under way; raises MongoError."""
    names = [str(one["name"]) for one in client.documents(database, {"listCollections": 1, "nameOnly": True})]
    return tuple(Journal(client, database, found["token"]) for name in names if (found := _NAME.fullmatch(name)))

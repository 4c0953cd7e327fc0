"""How restored collections take the places of the old ones, which can be brought back until the end, also by whoever comes next.

Each collection is renamed away, then the new one gets its name; both are done at once by the server. Views and time series
cannot be renamed: views are made anew from their definitions, a restored time series is copied into its place. So is what a
server does not rename for its name's sake.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from aishell_core.engines.mongodb_documents import Document
from aishell_core.engines.mongodb_errors import MongoError
from aishell_core.engines.mongodb_held import HeldClient, bytes_of, fields_of
from aishell_ops.backups.engines.mongodb_contents import Collection, contents_of
from aishell_ops.backups.engines.mongodb_journal import Entry, Journal, Journaled, journals_in
from aishell_ops.backups.engines.mongodb_staging import Staging, copy, drop, renamed, shift
from aishell_ops.backups.errors import BackupError, BusyError


def take_over(client: HeldClient, database: str, own: Journal | None = None) -> None:
    """Put in order what interrupted restores have left; raises BusyError while one goes on, MongoError."""
    for journal in journals_in(client, database):
        if own is not None and journal.token == own.token:
            continue
        journaled = journal.read()
        if journaled.alive is not False:
            raise BusyError(
                f"another restore into {database} is under way: {journaled.holder}",
                "wait for its end; where that process is gone for good, "
                f'db.getCollection("{journal.name}").deleteOne({{_id: "holder"}}) says so to the next restore',
            )
        put_in_order(client, journal, journaled)


def begin(client: HeldClient, journal: Journal, what: str) -> Document:
    """Take the database for oneself and put in order what others have left; what the server is built of. Raises BusyError, MongoError."""
    take_over(client, journal.database)
    journal.begin(what)
    try:
        # Somebody may have begun at the same time: who sees the other gives way.
        take_over(client, journal.database, journal)
        return client.command("admin", {"buildInfo": 1})
    except BaseException:
        with suppress(MongoError):
            put_in_order(client, journal, journal.read())
        raise


def put_in_order(client: HeldClient, journal: Journal, journaled: Journaled) -> None:
    """Bring back what a restore has put aside unless it was done, and remove what it has made; raises MongoError."""
    if not journaled.done:
        _bring_back(client, journal, journaled)
    else:
        for entry in journaled.old:
            drop(client, journal.database, journal.old_name(entry.number))
    for entry in journaled.new:
        drop(client, journal.database, journal.new_name(entry.number))
    drop(client, journal.database, journal.name)


def publish(staging: Staging, tables: Sequence[str]) -> None:
    """Put what is prepared in its place; of the old collections all go, or those of `tables` alone.

    Raises MongoError and BackupError; then the old ones are where they were.
    """
    client, journal = staging.client, staging.journal
    leaving = [one for one in contents_of(client, journal.database).collections if not tables or one.name in staging.staged]
    try:
        _put_aside(client, journal, leaving)
        _put_in_place(staging)
        journal.done()
    except BaseException:
        # Where the server is gone it is the next restore that brings the old ones back.
        with suppress(MongoError):
            put_in_order(client, journal, journal.read())
        raise
    # It is done: what cannot be removed now, also by a connection of its own, is removed by the next restore.
    for _ in range(2):
        with suppress(MongoError):
            put_in_order(client, journal, journal.read())
            break


def _put_aside(client: HeldClient, journal: Journal, leaving: Sequence[Collection]) -> None:
    """Views first: what they show may be one of the others."""
    for number, one in enumerate(sorted(leaving, key=lambda one: not one.is_view)):
        creation = bytes_of(one.creation()) if one.is_view else b""
        journal.write({"_id": f"old {number}", "number": number, "name": one.name, "view": one.is_view, "creation": creation})
        if one.is_series:
            raise BackupError(f"{one.name} is a time series, which the server cannot rename", "drop it, then restore again")
        if one.is_view:
            drop(client, journal.database, one.name)
        elif not renamed(client, journal.database, one.name, journal.old_name(number)):
            journal.note("copying", number)
            copy(client, journal.database, one, one.name, journal.old_name(number))
            journal.note("copied", number)
            drop(client, journal.database, one.name)
            journal.note("dropped", number)


def _put_in_place(staging: Staging) -> None:
    """Views last: what they show is there then."""
    client, journal = staging.client, staging.journal
    for one in sorted(staging.staged.values(), key=lambda one: one.collection.is_view):
        if not one.collection.is_view and not one.collection.is_series:
            journal.note("moved", one.number)
            if renamed(client, journal.database, one.name, one.final):
                continue
        journal.note("made", one.number)
        if one.collection.is_view:
            client.command(journal.database, one.collection.creation())
        else:
            copy(client, journal.database, one.collection, one.name, one.final)


def _bring_back(client: HeldClient, journal: Journal, journaled: Journaled) -> None:
    """Undo step by step what the journal says; each may be done already, so that this can be interrupted too."""
    database = journal.database
    there = _names(client, database)
    for entry in journaled.new:
        moved = entry.number in journaled.moved and journal.new_name(entry.number) not in there
        ours = moved or entry.number in journaled.made
        if ours and entry.name in there and not _still_old(journal, journaled, entry, there):
            drop(client, database, entry.name)
    for entry in journaled.old:
        there = _names(client, database)
        aside = journal.old_name(entry.number)
        if entry.view:
            if entry.name not in there:
                client.command(database, fields_of(entry.creation))
        elif aside in there:
            _back_from(client, journal, journaled, entry, entry.name in there)


def _back_from(client: HeldClient, journal: Journal, journaled: Journaled, entry: Entry, taken: bool) -> None:
    """Bring back what lies aside; where it was being copied it may be a part, and the whole is in its place."""
    number, aside = entry.number, journal.old_name(entry.number)
    begun, whole = number in journaled.copying, number in journaled.copied
    if begun and (not whole or (taken and number not in journaled.dropped)):
        drop(client, journal.database, aside)
        return
    if taken:
        # Somebody has written to a name that was free for a moment: that is kept beside.
        shift(client, journal.database, entry.name, journal.late_name(number))
    shift(client, journal.database, aside, entry.name)


def _still_old(journal: Journal, journaled: Journaled, entry: Entry, there: frozenset[str]) -> bool:
    """Whether what has the name of a new collection is the old one, which was not put aside yet or is back already."""
    old = next((one for one in journaled.old if one.name == entry.name), None)
    if old is None:
        return False
    return not old.view and journal.old_name(old.number) not in there


def _names(client: HeldClient, database: str) -> frozenset[str]:
    return frozenset(str(one["name"]) for one in client.documents(database, {"listCollections": 1, "nameOnly": True}))

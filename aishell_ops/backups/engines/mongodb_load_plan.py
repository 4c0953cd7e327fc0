"""What a restore into a MongoDB server would do, and what forbids it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches

from aishell_core.engines.mongodb_documents import Document
from aishell_core.engines.mongodb_errors import MongoError, grant
from aishell_core.engines.mongodb_held import HeldClient
from aishell_core.errors import UsageError
from aishell_core.units import format_bytes
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest
from aishell_ops.backups.engines.mongodb_contents import SYSTEM, Contents, contents_of, databases_of
from aishell_ops.backups.engines.mongodb_journal import journals_in, new_token
from aishell_ops.backups.engines.mongodb_save_plan import DUMP, EXPORT, family_of
from aishell_ops.backups.models import Manifest, Tool

_ROOM_RATIO = 1.3
_LONGEST_BYTES = 63
_FORBIDDEN = frozenset('/\\. "$*<>:|?\0')
_NEEDED = frozenset({"find", "insert", "createCollection", "createIndex", "dropCollection", "renameCollectionSameDB", "listCollections"})
"""What a restore does; the role readWrite has all of it."""


def plan_load(client: HeldClient, manifest: Manifest, request: LoadRequest) -> LoadPlan:
    """What a restore would do on this server; raises UsageError for a collection that the backup does not have, MongoError."""
    name = request.database or manifest.source.database
    saved = collections_of(manifest)
    _expect_tables(request.tables, saved)
    _expect_name(name)
    hello, build = client.hello(), client.command("admin", {"buildInfo": 1})
    now = contents_of(client, name)
    leaving = tuple(one.name for one in now.collections if not request.tables or one.name in request.tables)
    needed = round(float(dict(manifest.annotations).get("data_bytes") or manifest.plain_bytes) * _ROOM_RATIO)
    free = free_bytes_of(client, name)
    obstacles = [
        *_of_backup(manifest, build),
        *_of_role(hello),
        *_of_rights(client, name),
        *_of_name(client, name, now),
        *_of_contents(name, now, leaving, request),
    ]
    if free is not None and free < needed:
        obstacles.append(f"the server's disk has {format_bytes(free)} of room, and {format_bytes(needed)} are needed")
    return LoadPlan(
        request,
        name,
        f"aishell_new_{new_token()}",
        writes=tuple(f"{name}.{one}" for one in request.tables) or (f"the database {name}, {len(saved)} collections and views",),
        losses=_losses(client, name, leaving, saved),
        obstacles=tuple(obstacles),
        warnings=_warnings(client, manifest, name, build),
        tools=(Tool("aishell", "restore 1"),),
        needed_bytes=needed,
        free_bytes=free,
        server_version=str(build.get("version", "")),
    )


def obstacles_of(client: HeldClient, name: str, now: Contents) -> list[str]:
    """What forbids a restore into a database, whatever it brings; raises UsageError for a name that none can have, MongoError."""
    _expect_name(name)
    return [*_of_role(client.hello()), *_of_rights(client, name), *_of_name(client, name, now)]


def loss_of(client: HeldClient, database: str, name: str) -> str:
    """What is lost with a collection, in words."""
    return f"{database}.{name}{_count(client, database, name)}"


def collections_of(manifest: Manifest) -> tuple[str, ...]:
    """The collections and views that a backup holds."""
    found: list[str] = json.loads(dict(manifest.annotations).get("collections", "[]"))
    return tuple(found)


def defined_alike(manifest: Manifest, build: Document) -> bool:
    """Whether this server tells definitions in the words of the one that was saved: another version adds some of its own."""
    known = dict(manifest.annotations).get("family", family_of(build))
    return (known, _major(manifest.source.server_version)) == (family_of(build), _major(str(build.get("version", ""))))


def _expect_tables(tables: Sequence[str], saved: Sequence[str]) -> None:
    for table in tables:
        if table not in saved:
            near = get_close_matches(table, saved, 1)
            raise UsageError(
                f"the backup has no collection {table}", f"did you mean {near[0]}?" if near else f"it has {', '.join(saved[:20])}"
            )


def _expect_name(name: str) -> None:
    if name in SYSTEM:
        raise UsageError(f"{name} is a database of the server's own", "restore into another one")
    if not name or len(name.encode()) > _LONGEST_BYTES or _FORBIDDEN & set(name):
        raise UsageError(
            f"{name!r} cannot be the name of a database", f'it has 1 to {_LONGEST_BYTES} bytes, and none of / \\ . space " $ * < > : | ?'
        )


def _of_backup(manifest: Manifest, build: Document) -> list[str]:
    if manifest.method not in (EXPORT, DUMP):
        return [f"the backup was made by {manifest.method}, and that is not restored into MongoDB"]
    family = dict(manifest.annotations).get("family", "MongoDB")
    version, now = manifest.source.server_version, str(build.get("version", ""))
    if family == family_of(build) and _major(version) > _major(now):
        return [f"the backup is of {family} {version}, and this server is older ({now})"]
    return []


def _of_role(hello: Document) -> list[str]:
    if hello.get("isWritablePrimary") is False:
        return [f"this server is not the primary{f': restore into {there}' if (there := hello.get('primary')) else ''}"]
    return ["this server is set to be read only"] if hello.get("readOnly") else []


def _of_rights(client: HeldClient, name: str) -> list[str]:
    """What this user may not do; nothing where the server does not tell rights."""
    try:
        told = client.command("admin", {"connectionStatus": 1, "showPrivileges": True})["authInfo"]
    except (MongoError, KeyError):
        return []
    privileges = told.get("authenticatedUserPrivileges")
    if not told.get("authenticatedUsers") or privileges is None:
        return []
    allowed = {action for one in privileges if _covers(one.get("resource", {}), name) for action in one.get("actions", ())}
    missing = sorted(_NEEDED - allowed)
    if not missing or "anyAction" in allowed:
        return []
    where = client.place.where
    return [f"this user may not {', '.join(missing)} in {name}: {grant('readWrite', where.user, where.source, name)}"]


def _covers(resource: Document, name: str) -> bool:
    return bool(resource.get("anyResource")) or (resource.get("collection") == "" and resource.get("db") in ("", name))


def _of_name(client: HeldClient, name: str, now: Contents) -> list[str]:
    if now.collections:
        return []
    other = next((one for one in databases_of(client) if one != name and one.lower() == name.lower()), None)
    return [f"there is a database {other}, and names that differ in case alone cannot be there both"] if other else []


def _of_contents(name: str, now: Contents, leaving: Sequence[str], request: LoadRequest) -> list[str]:
    found = []
    if leaving and not request.replace:
        what = f"the collections {', '.join(leaving)} are there" if request.tables else f"the database {name} is there"
        found.append(f"{what}; --drop-existing replaces {'them' if request.tables else 'it'}")
    series = [one.name for one in now.collections if one.is_series and one.name in leaving]
    if series:
        found.append(f"{', '.join(series)} is a time series, which the server cannot rename: drop it first")
    return found


def _losses(client: HeldClient, name: str, leaving: Sequence[str], saved: Sequence[str]) -> tuple[str, ...]:
    if not leaving:
        return ()
    lost = [loss_of(client, name, one) for one in leaving]
    others = [one for one in leaving if one not in saved]
    return (*lost, *((f"not in the backup: {', '.join(others)}",) if others else ()))


def _count(client: HeldClient, database: str, name: str) -> str:
    """How many documents it has, by the server's own note; "" where it tells none."""
    try:
        return f", {int(client.command(database, {'count': name})['n'])} documents"
    except (MongoError, KeyError):
        return ""


def _warnings(client: HeldClient, manifest: Manifest, name: str, build: Document) -> tuple[str, ...]:
    found = []
    if journals_in(client, name):
        found.append("an earlier restore was interrupted: what it has put aside is brought back first")
    if dict(manifest.annotations).get("moment") != "one":
        found.append("the backup does not show one moment: each of its collections shows its own")
    family = dict(manifest.annotations).get("family", "MongoDB")
    if family != family_of(build):
        found.append(f"the backup is of {family}, and this server is {family_of(build)}: what it does not know is told while restoring")
    elif not defined_alike(manifest, build):
        found.append(f"the backup is of version {manifest.source.server_version}: options and indexes are made, and not compared")
    return tuple(found)


def free_bytes_of(client: HeldClient, name: str) -> int | None:
    """The room on the server's disk; None where it does not tell."""
    try:
        told = client.command(name, {"dbStats": 1})
    except MongoError:
        return None
    total, used = told.get("fsTotalSize"), told.get("fsUsedSize")
    return int(total - used) if isinstance(total, int | float) and isinstance(used, int | float) else None


def _major(version: str) -> int:
    text = version.partition(".")[0]
    return int(text) if text.isdigit() else 0

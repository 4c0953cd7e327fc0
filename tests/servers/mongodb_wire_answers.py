"""How the fixture server answers each command from the documents of its version."""

from __future__ import annotations

import copy
from typing import Any

from tests.servers.mongodb_wire_world import NO_COMMAND, NOT_FOUND, Answer, Document, RefusedError, World

_SETS = frozenset({"replSetGetStatus"})
_MONGOS = frozenset({"balancerStatus", "listShards"})


def answer(world: World, command: Document) -> Document:
    """The reply to a command; an error is a reply too."""
    name = next(iter(command), "")
    if name in world.refused:
        return world.refused[name]
    found = _ANSWERS.get(name)
    if found is None or (name in _MONGOS and world.kind != "mongos"):
        return RefusedError(*NO_COMMAND, f"no such command: '{name}'").document
    try:
        return found(world, command)
    except RefusedError as error:
        return error.document


def _document(name: str) -> Answer:
    return lambda world, _: copy.deepcopy(world.documents[name]["document"])


def _hello(world: World, command: Document) -> Document:
    hello = copy.deepcopy(world.documents["hello"]["document"])
    if "saslSupportedMechs" in command:
        hello["saslSupportedMechs"] = ["SCRAM-SHA-256"]
    return {**hello, "ismaster": hello["isWritablePrimary"], "helloOk": True}


def _replica_set_status(world: World, _: Document) -> Document:
    if world.kind == "mongos":
        raise RefusedError(*NO_COMMAND, "no such command: 'replSetGetStatus'")
    if world.kind == "standalone":
        raise RefusedError(76, "NoReplicationEnabled", "not running with --replSet")
    return copy.deepcopy(world.documents["replica_set_status"]["document"])


def _namespaces(world: World, database: str) -> dict[str, Document]:
    found: dict[str, Document] = world.documents["collections"]["namespaces"]
    return {name.partition(".")[2]: each for name, each in found.items() if name.partition(".")[0] == database}


def _collection(world: World, database: str, name: str) -> Document:
    found = _namespaces(world, database).get(name)
    if found is None:
        raise RefusedError(*NOT_FOUND, f"ns does not exist: {database}.{name}")
    return found


def _list_databases(world: World, _: Document) -> Document:
    names = sorted({name.partition(".")[0] for name in world.documents["collections"]["namespaces"]} | {"admin", "config", "local"})
    sizes = {name: sum(each["storageSize"] for each in _namespaces(world, name).values()) or 40960 for name in names}
    listed = [{"name": name, "sizeOnDisk": size, "empty": False} for name, size in sizes.items()]
    return {"databases": listed, "totalSize": sum(sizes.values()), "ok": 1.0}


def _list_collections(world: World, command: Document) -> Document:
    found = _namespaces(world, command["$db"])
    listed: list[Document] = [{"name": name, "type": each["type"], "options": each["options"]} for name, each in found.items()]
    return _cursor(command, listed, "$cmd.listCollections")


def _list_indexes(world: World, command: Document) -> Document:
    indexes = _collection(world, command["$db"], command["listIndexes"])["indexes"]
    hidden = {"size", "accesses", "building"}
    return _cursor(command, [{"v": 2, **{name: value for name, value in one.items() if name not in hidden}} for one in indexes])


def _storage(name: str, each: Document) -> Document:
    fields = ("size", "count", "avgObjSize", "storageSize", "freeStorageSize")
    sizes = {one["name"]: one["size"] for one in each["indexes"]}
    return {
        **{field: each[field] for field in fields},
        "ns": name,
        "nindexes": len(sizes),
        "totalIndexSize": sum(sizes.values()),
        "totalSize": each["storageSize"] + sum(sizes.values()),
        "indexSizes": sizes,
        "indexBuilds": [one["name"] for one in each["indexes"] if one.get("building")],
        "capped": False,
    }


def _aggregate(world: World, command: Document) -> Document:
    first: Document = command["pipeline"][0] if command["pipeline"] else {}
    stage = next(iter(first), "")
    options: Document = first.get(stage, {})
    name, database = command["aggregate"], command["$db"]
    match stage:
        case "$currentOp":
            if options.get("allUsers") and "inprog" in world.refused:
                return world.refused["inprog"]
            return _cursor(command, _matched(world.operations(options), command["pipeline"][1:]))
        case "$collStats" if (database, name) == ("local", "oplog.rs"):
            return _cursor(command, [{"ns": "local.oplog.rs", "storageStats": world.documents["oplog"]["storageStats"]}])
        case "$collStats":
            each = _collection(world, database, name)
            if each["type"] == "view":
                raise RefusedError(166, "CommandNotSupportedOnView", f"Namespace {database}.{name} is a view, not a collection")
            return _cursor(command, [{"ns": f"{database}.{name}", "storageStats": _storage(f"{database}.{name}", each)}])
        case "$indexStats":
            if "indexStats" in world.refused:
                return world.refused["indexStats"]
            started = world.documents["collections"]["started"]
            indexes = _collection(world, database, name)["indexes"]
            return _cursor(command, [_index_statistics(one, started) for one in indexes])
    return _cursor(command, _matched(world.stored.get(f"{database}.{name}", []), command["pipeline"]))


def _index_statistics(index: Document, started: object) -> Document:
    options: Document = {name: index[name] for name in ("unique", "hidden", "expireAfterSeconds") if name in index}
    spec = {"v": 2, "key": index["key"], "name": index["name"], **options}
    building = {"building": True} if index.get("building") else {}
    return {
        "name": index["name"],
        "key": index["key"],
        "host": "db1.shop.example:27017",
        "accesses": {"ops": index["accesses"], "since": started},
        "spec": spec,
        **building,
    }


def _matched(found: list[Document], stages: list[Document]) -> list[Document]:
    """Documents after stages that match fields by equality or bring so many."""
    for stage in stages:
        if "$match" in stage:
            found = [one for one in found if _fits(one, stage["$match"])]
        for path in stage.get("$project", {}):
            for one in found:
                _leave_out(one, path.split("."))
        if "$limit" in stage:
            found = found[: stage["$limit"]]
    return found


def _leave_out(document: Document, path: list[str]) -> None:
    for name in path[:-1]:
        document = document.get(name) or {}
        if not isinstance(document, dict):
            return
    document.pop(path[-1], None)


def _fits(document: Document, wanted: Document) -> bool:
    for path, value in wanted.items():
        here: Any = document
        for name in path.split("."):
            here = here.get(name) if isinstance(here, dict) else None
        if isinstance(value, dict):
            if "$gt" in value and not (here is not None and here > value["$gt"]):
                return False
            if "$gte" in value and not (here is not None and here >= value["$gte"]):
                return False
            if "$ne" in value and here == value["$ne"]:
                return False
        elif here != value:
            return False
    return True


def _find(world: World, command: Document) -> Document:
    name, database = command["find"], command["$db"]
    if (database, name) == ("local", "oplog.rs"):
        if world.kind in {"standalone", "mongos"}:
            return _cursor(command, [])
        backwards = command["sort"]["$natural"] < 0
        return _cursor(command, [world.documents["oplog"]["last" if backwards else "first"]])
    if name == "system.profile":
        if "profile" in world.refused:
            return world.refused["profile"]
        on = world.documents["profile"]["levels"].get(database, {"was": 0})["was"]
        found = world.documents["profile"]["documents"] if on else []
    elif (database, name) == ("config", "shards"):
        found = world.documents["sharding"]["shards"]
    else:
        found = world.stored.get(f"{database}.{name}", [])
    chosen = [one for one in found if _fits(one, command.get("filter", {}))]
    if command.get("sort", {}).get("$natural", 1) < 0:
        chosen.reverse()
    return _cursor(command, chosen[: command["limit"]] if command.get("limit") else chosen)


_open: dict[int, tuple[str, list[Document]]] = {}


def _cursor(command: Document, found: list[Document], collection: str = "") -> Document:
    """The first batch, and a cursor for what is left."""
    name = collection or str(next(iter(command.values())))
    namespace = f"{command['$db']}.{name}"
    size = command.get("batchSize", command.get("cursor", {}).get("batchSize", 101))
    number = 0
    if len(found) > size and not command.get("singleBatch"):
        number = 7_000_000_000 + len(_open)
        _open[number] = (namespace, found[size:])
    return {"cursor": {"id": number, "ns": namespace, "firstBatch": found[:size]}, "ok": 1.0}


def _get_more(world: World, command: Document) -> Document:
    if command["getMore"] not in _open:
        raise RefusedError(43, "CursorNotFound", f"cursor id {command['getMore']} not found")
    namespace, left = _open.pop(command["getMore"])
    size = command.get("batchSize", 101)
    number = 0
    if len(left) > size:
        number = command["getMore"]
        _open[number] = (namespace, left[size:])
    return {"cursor": {"id": number, "ns": namespace, "nextBatch": left[:size]}, "ok": 1.0}


def _kill_cursors(world: World, command: Document) -> Document:
    for number in command["cursors"]:
        _open.pop(number, None)
    return {"cursorsKilled": command["cursors"], "cursorsNotFound": [], "cursorsAlive": [], "cursorsUnknown": [], "ok": 1.0}


def _profile(world: World, command: Document) -> Document:
    return {"slowms": 100, "sampleRate": 1.0, "was": 0, **world.documents["profile"]["levels"].get(command["$db"], {}), "ok": 1.0}


def _count(world: World, command: Document) -> Document:
    if (command["$db"], command["count"]) == ("config", "chunks"):
        return {"n": world.documents["sharding"]["jumbo"], "ok": 1.0}
    return {
        "n": len([one for one in world.stored.get(f"{command['$db']}.{command['count']}", []) if _fits(one, command["query"])]),
        "ok": 1.0,
    }


def _explain(world: World, command: Document) -> Document:
    inner = command["explain"]
    name, found = next(iter(inner.values())), world.documents["explain"]["answers"]
    namespace = f"{command['$db']}.{name}"
    if namespace not in found:
        empty = {"namespace": namespace, "winningPlan": {"stage": "EOF"}, "rejectedPlans": []}
        return {"explainVersion": "1", "queryPlanner": empty, "ok": 1.0}
    return copy.deepcopy({**found[namespace], "command": inner})


def _kill(world: World, command: Document) -> Document:
    world.killed.append({"op": command["op"]})
    operations = world.documents["operations"]["documents"]
    operations[:] = [one for one in operations if world.stubborn or one.get("opid") != command["op"]]
    return {"info": "attempting to kill op", "ok": 1.0}


def _kill_sessions(world: World, command: Document) -> Document:
    ended = [one["id"] for one in command.get("killSessions", ())]
    ended += [one["lsid"]["id"] for one in command.get("killAllSessionsByPattern", ())]
    world.killed += [{"session": each} for each in ended]
    operations = world.documents["operations"]["documents"]
    operations[:] = [one for one in operations if world.stubborn or one.get("lsid", {}).get("id") not in ended]
    return {"ok": 1.0}


_ANSWERS: dict[str, Answer] = {
    "hello": _hello,
    "ismaster": _hello,
    "isMaster": _hello,
    "ping": lambda *_: {"ok": 1.0},
    "buildInfo": _document("build_info"),
    "serverStatus": lambda world, _: world.server_status(),
    "replSetGetStatus": _replica_set_status,
    "top": _document("top"),
    "getParameter": _document("parameters"),
    "getCmdLineOpts": _document("command_line"),
    "listDatabases": _list_databases,
    "listCollections": _list_collections,
    "listIndexes": _list_indexes,
    "aggregate": _aggregate,
    "find": _find,
    "getMore": _get_more,
    "killCursors": _kill_cursors,
    "profile": _profile,
    "count": _count,
    "explain": _explain,
    "killOp": _kill,
    "killSessions": _kill_sessions,
    "killAllSessionsByPattern": _kill_sessions,
    "endSessions": lambda *_: {"ok": 1.0},
    "balancerStatus": lambda world, _: copy.deepcopy(world.documents["sharding"]["balancerStatus"]),
    "fixture": lambda world, command: world.change(command["fixture"]),
}

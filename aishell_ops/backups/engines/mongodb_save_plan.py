"""What a backup of a MongoDB database would be: by mongodump, or by our own export at one moment where the server has such."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from urllib.parse import quote as percent

from aishell_core.engines.mongodb_documents import Document
from aishell_core.engines.mongodb_errors import LASTING_NUMBERS, MongoError
from aishell_core.engines.mongodb_held import HeldClient, Moment
from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_core.values import FailureCode
from aishell_ops.backups.engines.contract import SavePlan, SaveRequest
from aishell_ops.backups.engines.mongodb_archive import ARCHIVE
from aishell_ops.backups.engines.mongodb_contents import Contents, expect_database, files_of, named
from aishell_ops.backups.engines.mongodb_tools import Dumper, arguments_of, expect_dumper, find_dumper
from aishell_ops.backups.models import Format, Source, Tool

EXPORT, DUMP = "mongodb_export", "mongodump"
_METHODS = {"": "", "logical": "", "export": EXPORT, EXPORT: EXPORT, DUMP: DUMP}
"""What a person may ask for; "" is the choice of ours."""
_RATIO = {EXPORT: 2.0, DUMP: 1.0}
"""About how many bytes a stream has for each byte of the documents."""
_WITH_MOMENTS = 13
"""The version of the protocol (MongoDB 5.0) from which members of a set read at a moment outside of transactions."""
_CAPPED_WITH_MOMENTS = 25
"""The one (MongoDB 8.0) from which they do so in capped collections, too."""
_MOMENT_REFUSED = LASTING_NUMBERS | {123, 246}
_MOST_ASKED = 500


@dataclass(frozen=True, slots=True)
class Held:
    """The moment that is read, or why there is none; `without` are the collections that it does not hold for."""

    moment: Moment | None
    reason: str = ""
    without: tuple[str, ...] = ()


def plan_save(client: HeldClient, target: Target, request: SaveRequest, environ: Mapping[str, str], folders: Iterable[Path]) -> SavePlan:
    """What would be saved; raises UsageError for what cannot be, ToolError, MongoError."""
    if request.format not in (Format.NATIVE, Format.JSON):
        raise UsageError(f"MongoDB databases cannot be saved as {request.format}", "take --format native or json")
    contents = expect_database(client, request.database or target.location.database)
    wanted = tuple(sorted({named(table, contents.names, contents.database) for table in request.tables}))
    chosen = _part(contents, wanted)
    hello, build = client.hello(), client.command("admin", {"buildInfo": 1})
    dumper = _dumper(request, chosen, environ, folders)
    held = hold(client, chosen, hello)
    method = DUMP if dumper is not None else EXPORT
    size = _bytes_of(client, chosen, whole=not wanted)
    source = Source(
        target.name,
        "mongodb",
        contents.database,
        target.location.redacted(),
        str(build.get("version", "")),
        _identity(client, hello),
        target.environment,
    )
    return SavePlan(
        replace(request, tables=wanted),
        method,
        source,
        (dumper.tool(*arguments_of(contents.database, request.jobs)),) if dumper else (Tool("aishell", "export 1"),),
        expected_bytes=round(size * _RATIO[method]) or None,
        skipped=(*contents.skipped, *_not_saved(hello), *(() if dumper else _not_held(held)), *(_DUMPED if dumper else ())),
        warnings=_warnings(held, dumper),
        steps=_steps(chosen, held, dumper),
        recovery=_recovery(chosen, dumper),
        properties=(
            ("family", family_of(build)),
            ("collections", json.dumps([one.name for one in chosen.collections], ensure_ascii=False)),
            ("data_bytes", str(round(size))),
            ("moment", "one" if held.moment is not None and dumper is None else "none"),
        ),
    )


def family_of(build: Document) -> str:
    """Whose server it is, by what it says of its build."""
    return "FerretDB" if any(str(name).lower().startswith("ferretdb") for name in build) else "MongoDB"


def hold(client: HeldClient, contents: Contents, hello: Document) -> Held:
    """A moment at which the collections can be read, asked of the server itself; raises MongoError for other faults."""
    readable = [one for one in contents.collections if not one.is_view]
    in_set = bool(hello.get("setName")) or hello.get("msg") == "isdbgrid"
    if not in_set:
        return Held(None, "this server is no member of a replica set")
    if int(hello.get("maxWireVersion", 0)) < _WITH_MOMENTS:
        return Held(None, "this server is older than MongoDB 5.0")
    late = int(hello["maxWireVersion"]) < _CAPPED_WITH_MOMENTS
    without = tuple(one.name for one in readable if one.is_capped and late)
    asked = next((one.name for one in readable if one.name not in without), contents.database)
    try:
        moment = client.moment(contents.database, asked)
    except MongoError as error:
        if error.number not in _MOMENT_REFUSED or error.reason is FailureCode.PRIVILEGE:
            raise
        return Held(None, f"the server refuses it: {error.message}")
    if moment is None:
        return Held(None, "the server tells no moment, though it takes the question")
    return Held(moment, "", without)


def _dumper(request: SaveRequest, contents: Contents, environ: Mapping[str, str], folders: Iterable[Path]) -> Dumper | None:
    """The mongodump to be used; None where our own export is."""
    method = _METHODS.get(request.method)
    if method is None:
        raise UsageError(f"MongoDB is not saved by the method {request.method}", "take --method export or mongodump")
    series = [one.name for one in contents.collections if one.is_series]
    unfit = (
        ("--tables", bool(request.tables)),
        (f"--format {request.format}", request.format is not Format.NATIVE),
        (f"a time series ({', '.join(series)})", bool(series)),
    )
    reason = next((words for words, here in unfit if here), "")
    if method == DUMP and reason:
        raise UsageError(f"mongodump is not used for {reason}", "take --method export")
    found = None if method == EXPORT or reason else expect_dumper(environ, folders) if method == DUMP else find_dumper(environ, folders)
    if found is None and request.jobs > 1:
        raise UsageError("our own export is made by one job", "leave --jobs out; mongodump reads several collections side by side")
    return found


def _identity(client: HeldClient, hello: Document) -> str:
    """The identifier of the replica set, or its name where that may not be asked for; "" without a set."""
    if not hello.get("setName"):
        return ""
    try:
        found = client.command("admin", {"replSetGetConfig": 1})["config"]["settings"]["replicaSetId"]
    except (MongoError, KeyError, TypeError):
        return str(hello["setName"])
    return str(found)


def _bytes_of(client: HeldClient, contents: Contents, *, whole: bool) -> float:
    """How large the documents are, as far as the server tells."""
    readable = [one.name for one in contents.collections if not one.is_view]
    try:
        if whole or len(readable) > _MOST_ASKED:
            return float(client.command(contents.database, {"dbStats": 1}).get("dataSize") or 0)
        return sum(float(client.command(contents.database, {"collStats": name}).get("size") or 0) for name in readable)
    except MongoError:
        return 0.0


_DUMPED = (("one moment", "mongodump reads the collections of one database one after the other: each is proven by what the archive holds"),)


def _not_saved(hello: Document) -> tuple[tuple[str, str], ...]:
    users = ("users and roles", "they belong to the server (admin.system.users)")
    if hello.get("msg") != "isdbgrid":
        return (users,)
    return (users, ("how collections are sharded", "they are restored into one shard; shardCollection spreads them again"))


def _not_held(held: Held) -> tuple[tuple[str, str], ...]:
    if held.moment is None:
        return (("one moment", f"each collection shows its own, because {held.reason}"),)
    return tuple((f"one moment of {name}", "a capped collection is read as it is before MongoDB 8.0") for name in held.without)


def _warnings(held: Held, dumper: Dumper | None) -> tuple[str, ...]:
    if dumper is None:
        reason = f"this backup does not show one moment: {held.reason}; let nobody write meanwhile where that matters"
        return () if held.moment is not None else (reason,)
    better = "; --method export reads all of it at one moment here" if held.moment is not None else ""
    return (f"mongodump of one database does not show one moment{better}",)


def _steps(contents: Contents, held: Held, dumper: Dumper | None) -> tuple[str, ...]:
    if dumper is not None:
        return (f"dump {contents.database} with {dumper.path}", "count the documents in what it gives", "store the archive")
    count = len(contents.collections)
    way = "at one moment" if held.moment is not None else "one after the other"
    return (f"read {count} collections and views {way}, as extended JSON", "count and hash the documents while they are read")


_PYTHON = (
    "import sys,itertools as t,pymongo;from bson.json_util import loads as l,CANONICAL_JSON_OPTIONS as o;"
    "from bson.raw_bson import RawBSONDocument as w;d=pymongo.MongoClient(sys.argv[1])[sys.argv[2]];"
    'r=lambda n:(w(x["$bson"]) if "$bson" in x else x for x in (l(y,json_options=o) for y in open(n,encoding="utf-8")));'
    "c=lambda x:d.command(dict(x));s=lambda k,g:[d[k].insert_many(y) for y in iter(lambda:list(t.islice(g,1000)),[])];"
    '[(c(x["create"]),s(x["create"]["create"],r(x["file"])) if "file" in x else 0,c(x["indexes"]) if "indexes" in x else 0)'
    ' for x in r("definitions.json")]'
)
"""Restores an export with PyMongo alone; it holds no single quote, so that a shell takes it as it is."""
_SHELL = 'fs.readFileSync("definitions.json","utf8").trim().split("\\n").map(l => EJSON.parse(l, {relaxed: false}))'


def _recovery(contents: Contents, dumper: Dumper | None) -> tuple[str, ...]:
    if dumper is not None:
        # What stands for any name, also without --nsInclude, matches none with a line's end in it: those are named.
        odd = [_pattern(f"{contents.database}.{name}") for name in contents.names if "\n" in name]
        patterns = " ".join(f"--nsInclude={_printed(each)}" for each in (f"{_pattern(contents.database)}.*", *odd))
        return (f"mongorestore --archive={ARCHIVE} {patterns}    # --uri names the server",)
    name = _word(contents.database)
    shell = f"mongosh {quote('mongodb://localhost/' + percent(contents.database, safe=''))} --eval"
    loads = tuple(_import(contents.database, collection, file) for collection, file in files_of(contents.collections).items())
    return (
        f"python3 -c '{_PYTHON}' mongodb://localhost {name}    # needs pymongo; or, with the tools of MongoDB, instead of it:",
        f"# {shell} '{_SHELL}.forEach(d => db.runCommand(d.create))'",
        *(f"# {load}" for load in loads),
        '# (a line that begins with {"$bson" holds a document\'s bytes, which mongoimport does not read and the line of Python does)',
        f"# {shell} '{_SHELL}.forEach(d => d.indexes && db.runCommand(d.indexes))'",
    )


def _pattern(name: str) -> str:
    """A name as mongorestore's patterns take it."""
    return name.replace("\\", "\\\\").replace("*", "\\*")


def _printed(text: str) -> str:
    """A text as a word of any shell, on one line whatever is in it."""
    if text.isprintable():
        return quote(text)
    escaped = text.replace("\\", "\\\\")
    told = "".join(sign if sign.isprintable() else "".join(f"\\0{byte:03o}" for byte in sign.encode()) for sign in escaped)
    return f"\"$(printf '%b' {quote(told)})\""


def _import(database: str, collection: str, file: str) -> str:
    return f"mongoimport --db={_word(database)} --collection={_word(collection)} --file={file}"


def _word(text: str) -> str:
    """A name as a word of the shell, on one line whatever is in it."""
    if text.isprintable():
        return quote(text)
    return "$'" + "".join(sign if sign.isprintable() and sign not in "\\'" else _escape(sign) for sign in text) + "'"


def _escape(sign: str) -> str:
    return f"\\{sign}" if sign in "\\'" else "".join(f"\\x{byte:02x}" for byte in sign.encode())


def wanted_in(client: HeldClient, plan: SavePlan) -> Contents:
    """What a plan saves, as it is now; raises UsageError for what has gone since, MongoError."""
    contents = expect_database(client, plan.source.database)
    return _part(contents, tuple(named(table, contents.names, contents.database) for table in plan.request.tables))


def _part(contents: Contents, wanted: Sequence[str]) -> Contents:
    return replace(contents, collections=tuple(one for one in contents.collections if not wanted or one.name in wanted))

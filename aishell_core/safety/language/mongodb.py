"""MongoDB's operations as JSON: a database command, or a method's name with its arguments."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from aishell_core.safety.language.mongodb_filters import matches_all
from aishell_core.safety.language.mongodb_redaction import without_values
from aishell_core.safety.language.mongodb_shell import Json, UnreadableError, operation_of, parse
from aishell_core.safety.language.mongodb_system import reached, reached_risks
from aishell_core.safety.language.mongodb_words import server_command
from aishell_core.safety.risk import ActionClass, Risk, RiskLevel, not_understood, risk_of, together
from aishell_core.values import Value

NONE, LOW, MEDIUM, HIGH, CRITICAL = RiskLevel
READ, CANCEL, WRITE, TERMINATE, SCHEMA, ADMIN = ActionClass


def _table(*entries: tuple[str, RiskLevel, ActionClass, str]) -> dict[str, Risk]:
    return {name: risk_of(level, action, why) for names, level, action, why in entries for name in names.split()}


_READING = (
    "find findone aggregate count countdocuments estimateddocumentcount distinct listcollections listindexes listdatabases "
    "collstats dbstats datasize explain ping hello ismaster buildinfo connectionstatus serverstatus whatsmyuri replsetgetstatus "
    "replsetgetconfig listcommands getindexes getcollectionnames stats"
)
OPERATIONS = _table(
    (_READING, NONE, READ, ""),
    (
        "currentop top hostinfo getcmdlineopts getparameter getlog plancachelistfilters",
        LOW,
        READ,
        "shows what others do, or the server's settings",
    ),
    ("validate dbhash", HIGH, ADMIN, "reads whole collections, and locks them meanwhile"),
    ("insert insertone insertmany", LOW, WRITE, "inserts documents"),
    ("update updateone updatemany replaceone findandmodify findoneandupdate findoneandreplace", MEDIUM, WRITE, "changes documents"),
    ("delete deleteone deletemany remove findoneanddelete", MEDIUM, WRITE, "deletes documents"),
    ("bulkwrite", HIGH, WRITE, "writes many things at once"),
    ("killcursors", LOW, WRITE, "ends cursors"),
    ("killop", MEDIUM, CANCEL, "ends an operation"),
    ("killsessions killallsessions killallsessionsbypattern", HIGH, TERMINATE, "ends sessions of clients"),
    ("create createcollection createindex createindexes createview createsearchindexes", MEDIUM, SCHEMA, "changes the schema"),
    (
        "dropindex dropindexes dropsearchindex reindex collmod renamecollection rename",
        HIGH,
        SCHEMA,
        "changes the schema or drops a part of it",
    ),
    ("drop dropcollection converttocapped", CRITICAL, SCHEMA, "drops documents for good"),
    ("dropdatabase", CRITICAL, ADMIN, "drops a whole database for good"),
    ("mapreduce eval $eval", HIGH, ADMIN, "runs JavaScript on the server"),
    ("shutdown", CRITICAL, ADMIN, "stops the server"),
    ("compact fsync fsyncunlock logrotate setparameter setfeaturecompatibilityversion profile", HIGH, ADMIN, "administers the server"),
    (
        "replsetinitiate replsetreconfig replsetstepdown replsetfreeze replsetmaintenance replsetsyncfrom",
        HIGH,
        ADMIN,
        "changes the replica set",
    ),
    ("createuser updateuser dropuser dropallusersfromdatabase usersinfo grantrolestouser", HIGH, ADMIN, "is about who may do what"),
    ("revokerolesfromuser createrole updaterole droprole rolesinfo grantprivilegestorole", HIGH, ADMIN, "is about who may do what"),
)
_STAGES = frozenset(
    {
        *(
            "$addfields",
            "$bucket",
            "$bucketauto",
            "$changestream",
            "$collstats",
            "$count",
            "$currentop",
            "$densify",
            "$documents",
            "$facet",
        ),
        *(
            "$fill",
            "$geonear",
            "$graphlookup",
            "$group",
            "$indexstats",
            "$limit",
            "$listlocalsessions",
            "$listsessions",
            "$lookup",
            "$match",
        ),
        *("$plancachestats", "$project", "$rankfusion", "$redact", "$replaceroot", "$replacewith", "$sample", "$search", "$searchmeta"),
        *(
            "$set",
            "$setwindowfields",
            "$skip",
            "$sort",
            "$sortbycount",
            "$unionwith",
            "$unset",
            "$unwind",
            "$vectorsearch",
            "$merge",
            "$out",
        ),
    }
)
_HARMFUL: Mapping[str, Risk] = {
    "$where": risk_of(HIGH, ADMIN, "$where runs JavaScript on the server for every document"),
    "$function": risk_of(HIGH, ADMIN, "$function runs JavaScript on the server"),
    "$accumulator": risk_of(HIGH, ADMIN, "$accumulator runs JavaScript on the server"),
    "$out": risk_of(CRITICAL, WRITE, "$out replaces a whole collection"),
    "$merge": risk_of(HIGH, WRITE, "$merge writes into a collection"),
}
_FILTERS = ("filter", "query", "q")


def judge(command: str, _parameters: Sequence[Value] = (), database: str = "") -> Risk:
    """The risk of an operation in a database; parameters are values and change nothing of it. Never raises."""
    try:
        written = parse(command)
    except UnreadableError as error:
        return not_understood(str(error))
    try:
        # What is judged is the command that will be sent.
        document = server_command(written)
    except UnreadableError as error:
        name, arguments = operation_of(written)
        return together((_operation(name, arguments), not_understood(str(error)), *_harmful(written)))
    name, arguments = operation_of(document)
    return together((_operation(name, arguments), *_harmful(document), *_system(name, arguments, database)))


def databases(command: str, _parameters: Sequence[Value] = ()) -> frozenset[str]:
    """The databases that an operation reaches by their names."""
    try:
        name, arguments = operation_of(server_command(parse(command)))
    except UnreadableError:
        return frozenset()
    return frozenset(each.database for each in reached(name, arguments, "", writes=True) if each.database)


def redacted(command: str, literal_hash: Callable[[str], str], _parameters: Sequence[Value] = ()) -> str | None:
    """The operation with the names of fields and collections, and a hash for every value."""
    try:
        document = parse(command)
        name, _ = operation_of(document)
    except UnreadableError:
        return None
    if name not in OPERATIONS:
        return None
    return json.dumps(without_values(document, literal_hash), ensure_ascii=False)


_SPELLED = {"deletemany": "deleteMany", "updatemany": "updateMany"}


def _operation(name: str, arguments: Mapping[str, Json]) -> Risk:
    risk = OPERATIONS.get(name)
    if risk is None:
        return not_understood(f"the operation {name[:40]!r} is not known")
    match name:
        case "explain":
            return _explain(arguments)
        case "aggregate":
            return together((risk, *_stages(arguments.get("pipeline"))))
        case "delete" | "update":
            return together((risk, *_native_changes(name, arguments)))
        case "bulkwrite":
            return together((risk, *_bulk_changes(arguments)))
        case "deletemany" | "updatemany" | "remove":
            if not _is_single(arguments) and matches_all(_filter(arguments)):
                return risk.at_least(CRITICAL, f"{_SPELLED.get(name, name)} with a filter that may leave none out")
        case "renamecollection" if arguments.get("dropTarget"):
            return risk.at_least(CRITICAL, "drops the collection that has the name")
    if risk.action in {WRITE, SCHEMA} and name not in {"insert", "insertone", "insertmany"} and _unknown_filter(arguments):
        return risk.at_least(HIGH, "the filter is no document")
    return risk


def _explain(arguments: Mapping[str, Json]) -> Risk:
    """What is explained is not written, whatever it is; JavaScript in it is found elsewhere."""
    inner = arguments.get("explain")
    if not isinstance(inner, dict):
        return not_understood("what is explained is no operation")
    try:
        name, within = operation_of(inner)
    except UnreadableError as error:
        return not_understood(str(error))
    risk = _operation(name, within)
    return Risk() if risk.understood else risk


def _system(name: str, arguments: Mapping[str, Json], database: str) -> Iterator[Risk]:
    """What it does to the server's own collections; a statement that is explained is not run, and still counts as reading them."""
    inner = arguments.get("explain")
    if name == "explain" and isinstance(inner, dict):
        inside, within = operation_of(inner)
        yield from reached_risks(inside, {**within, "$db": arguments.get("$db") or within.get("$db")}, database, writes=False)
        return
    risk = OPERATIONS.get(name, Risk())
    yield from reached_risks(name, arguments, database, writes=risk.action in {WRITE, SCHEMA})


def _filter(arguments: Mapping[str, Json]) -> Json:
    return next((arguments[key] for key in _FILTERS if key in arguments), {})


def _unknown_filter(arguments: Mapping[str, Json]) -> bool:
    return not isinstance(_filter(arguments), dict)


def _is_single(arguments: Mapping[str, Json]) -> bool:
    return arguments.get("justOne") is True


def _native_changes(name: str, arguments: Mapping[str, Json]) -> Iterator[Risk]:
    """The risks of the parts of an update or delete command; `limit: 0` and `multi: true` mean every document that fits."""
    parts = arguments.get("deletes" if name == "delete" else "updates")
    if parts is None and _FILTERS[0] in arguments:
        parts = [{**arguments, "q": arguments[_FILTERS[0]]}]
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        yield not_understood(f"the parts of {name} cannot be read")
        return
    for part in parts:
        if not isinstance(part, dict):
            continue
        many = part.get("limit") != 1 if name == "delete" else part.get("multi") not in (None, False)
        if many and matches_all(part.get("q", {})):
            yield risk_of(CRITICAL, WRITE, f"{name}s every document: its filter may leave none out")


def _bulk_changes(arguments: Mapping[str, Json]) -> Iterator[Risk]:
    """The risks of the parts of a bulkWrite, of the server's command or of the shell's method."""
    parts = next((arguments[key] for key in ("ops", "operations", *_FILTERS) if key in arguments), None)
    if not isinstance(parts, list) or not all(isinstance(part, dict) and part for part in parts):
        yield not_understood("the parts of bulkWrite cannot be read")
        return
    for part in parts:
        if not isinstance(part, dict):
            continue
        for name, inner in part.items():
            word = name.lower()
            within = inner if isinstance(inner, dict) else {}
            many = word in {"deletemany", "updatemany"} or (word in {"delete", "update"} and part.get("multi") not in (None, False))
            if many and matches_all(_filter(within if word.endswith("many") else part)):
                yield risk_of(CRITICAL, WRITE, f"{word[:6]}s every document: its filter may leave none out")


def _stages(pipeline: Json) -> Iterator[Risk]:
    if not isinstance(pipeline, list):
        yield not_understood("the pipeline is no list")
        return
    for stage in pipeline:
        names = list(stage) if isinstance(stage, dict) else []
        if len(names) != 1:
            yield not_understood("a stage of the pipeline is no operator")
        elif names[0].lower() not in _STAGES:
            yield not_understood(f"the stage {names[0][:40]} is not known")
        elif names[0].lower() == "$facet":
            branches = stage[names[0]] if isinstance(stage, dict) else None
            for branch in branches.values() if isinstance(branches, dict) else ():
                yield from _stages(branch)


def _harmful(value: Json) -> Iterator[Risk]:
    """Operators that run code or write, wherever they stand."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.lower() in _HARMFUL:
                yield _HARMFUL[key.lower()]
            yield from _harmful(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _harmful(inner)

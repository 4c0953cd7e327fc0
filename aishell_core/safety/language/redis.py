"""The commands of Redis and Valkey."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise

from aishell_core.engines.redis_commands import name_of, stores_nothing, word_of, words_of
from aishell_core.errors import TargetError
from aishell_core.safety.language.lists import listed_words
from aishell_core.safety.risk import ActionClass, Risk, RiskLevel, not_understood, risk_of
from aishell_core.values import Value

NONE, LOW, MEDIUM, HIGH, CRITICAL = RiskLevel
READ, CANCEL, WRITE, TERMINATE, SCHEMA, ADMIN = ActionClass

_READING = ("redis_reading.txt",)
_WRITING = ("redis_writing.txt",)
_MOST_SCANNED = 10_000
"""The largest COUNT of a SCAN: some milliseconds in which nobody else is served."""
_SECRETS = (
    "requirepass",
    "masterauth",
    "masteruser",
    "primaryauth",
    "primaryuser",
    "tls-key-file-pass",
    "tls-client-key-file-pass",
    "sentinel-pass",
)


def _table(*entries: tuple[str, RiskLevel, ActionClass, str]) -> dict[str, Risk]:
    return {name: risk_of(level, action, why) for names, level, action, why in entries for name in names.split()}


KNOWN = _table(
    ("flushall flushdb", CRITICAL, ADMIN, "deletes every key of a database or of all of them"),
    ("swapdb", HIGH, ADMIN, "exchanges two databases under all clients"),
    ("keys", HIGH, ADMIN, "goes through all keys at once, and nobody else is served meanwhile; SCAN does it in steps"),
    ("smembers hgetall hkeys hvals sunion sinter sdiff zunion zinter zdiff lcs", LOW, READ, "reads whole collections"),
    ("del unlink getdel hgetdel", MEDIUM, WRITE, "deletes keys"),
    ("rename renamenx copy move", MEDIUM, WRITE, "may overwrite or move keys"),
    ("subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe", LOW, READ, "waits for messages"),
    ("wait waitaof", MEDIUM, READ, "holds a connection until replicas have answered"),
    (
        "eval evalsha fcall eval_ro evalsha_ro fcall_ro",
        HIGH,
        ADMIN,
        "runs a script whose effect nobody can tell from its name, and nobody else is served meanwhile",
    ),
    (
        "script|load script|flush script|kill script|debug function|load function|delete function|kill",
        HIGH,
        ADMIN,
        "changes the server's scripts",
    ),
    ("function|flush function|restore", HIGH, ADMIN, "changes the server's functions"),
    ("config|set config|rewrite config|resetstat", HIGH, ADMIN, "changes the server's settings or counters"),
    ("shutdown", CRITICAL, ADMIN, "stops the server"),
    ("debug debug|sleep debug|segfault debug|object debug|reload", CRITICAL, ADMIN, "can stop or crash the server"),
    ("replicaof slaveof failover psync sync replconf", CRITICAL, ADMIN, "changes whose replica the server is; its data may be replaced"),
    ("migrate restore restore-asking", HIGH, ADMIN, "moves keys between servers, or makes them from bytes"),
    ("module|load module|loadex module|unload", CRITICAL, ADMIN, "loads or unloads code"),
    ("save bgsave bgrewriteaof", HIGH, ADMIN, "writes the data to the disk; SAVE serves nobody meanwhile"),
    ("monitor", HIGH, ADMIN, "shows every command of every client and slows the server down"),
    ("acl|setuser acl|deluser acl|load acl|save", HIGH, ADMIN, "changes who may do what"),
    ("acl|getuser acl|list acl|users acl|log acl|genpass acl|dryrun", MEDIUM, ADMIN, "shows who may do what, with hashes of passwords"),
    ("auth hello reset", HIGH, ADMIN, "changes who acts, or the connection itself"),
    ("client|kill", HIGH, TERMINATE, "closes connections of clients"),
    ("client|unblock", LOW, CANCEL, "ends what a client waits for"),
    (
        "client|pause client|unpause client|no-evict client|reply client|tracking client|caching client|no-touch",
        HIGH,
        ADMIN,
        "changes clients or holds them up",
    ),
    ("latency|reset slowlog|reset memory|purge", MEDIUM, ADMIN, "clears what the server has recorded, or memory"),
    ("cluster|addslots cluster|addslotsrange cluster|delslots cluster|delslotsrange cluster|setslot", HIGH, ADMIN, "changes the cluster"),
    (
        "cluster|flushslots cluster|migration cluster|bumpepoch cluster|saveconfig cluster|set-config-epoch",
        HIGH,
        ADMIN,
        "changes the cluster",
    ),
    ("cluster|failover cluster|forget cluster|meet cluster|replicate cluster|reset", HIGH, ADMIN, "changes the cluster"),
    ("asking readonly readwrite", LOW, READ, "changes the connection alone"),
    ("pfdebug pfselftest", HIGH, ADMIN, "is for the server's own developers"),
    ("ft.create ft.alter ft.dropindex ft.aliasadd ft.aliasdel ft.aliasupdate ft.synupdate", HIGH, SCHEMA, "changes a search index"),
    (
        "sentinel|failover sentinel|remove sentinel|set sentinel|monitor sentinel|reset sentinel|flushconfig",
        HIGH,
        ADMIN,
        "changes what sentinels do",
    ),
)
"""What is neither a plain read nor a plain write, or is worth a word."""


def judge(command: str, parameters: Sequence[Value] = (), _database: str = "") -> Risk:
    """The risk of a command, to which the parameters are further words; never raises."""
    try:
        words = [word.decode("utf-8", "replace") for word in (*words_of(command), *map(word_of, parameters))]
    except TargetError as error:
        return not_understood(error.message)
    name = name_of(words)
    if name == "config|get":
        return _config_get(words[2:])
    if name == "client|kill" and len(words) == 4 and words[2].lower() == "id":
        return risk_of(MEDIUM, TERMINATE, "closes the connection of one client")
    if name in _SCANS and _scans_many(words[_SCANS[name] :]):
        return risk_of(HIGH, ADMIN, f"goes through more than {_MOST_SCANNED:,} at once, and nobody else is served meanwhile")
    if stores_nothing(words):
        return risk_of(LOW, READ, "may go through a whole collection")
    known = KNOWN.get(name) or (KNOWN["debug"] if name.startswith("debug|") else None)
    if known is not None:
        return known
    if name in listed_words(_READING):
        return Risk()
    if name in listed_words(_WRITING):
        return risk_of(LOW, WRITE, "writes keys, or sends messages")
    return not_understood(f"{name.replace('|', ' ').upper()[:40]} is not known" if name else "there is no command in it")


def databases(command: str, parameters: Sequence[Value] = ()) -> frozenset[str]:
    """The numbers of the databases that keys are moved or copied to."""
    try:
        words = [word.decode("utf-8", "replace") for word in (*words_of(command), *map(word_of, parameters))]
    except TargetError:
        return frozenset()
    if name_of(words) == "move":
        return frozenset(words[2:3])
    return frozenset(number for word, number in pairwise(words) if name_of(words) == "copy" and word.lower() == "db")


def redacted(command: str, literal_hash: Callable[[str], str], parameters: Sequence[Value] = ()) -> str | None:
    """The command's name, and a hash for each of its other words: keys, values and parameters alike."""
    try:
        words = [word.decode("utf-8", "surrogateescape") for word in (*words_of(command), *map(word_of, parameters))]
    except TargetError:
        return None
    name = name_of(words)
    if not words or not judge(command, parameters).understood:
        return None
    shown = 2 if "|" in name else 1
    if name == "config|set" and len(words) > 2 and words[2].replace("-", "").isalpha():
        shown = 3
    return " ".join((*(word.upper() for word in words[:shown]), *(literal_hash(word) for word in words[shown:])))


_SCANS = {"scan": 2, "sscan": 3, "hscan": 3, "zscan": 3}
"""Where the options of the commands begin that go through keys, or through what a key holds, in steps."""


def _scans_many(options: Sequence[str]) -> bool:
    """Whether a COUNT makes one step as good as all; the server refuses one that is no number."""
    place = 0
    while place + 1 < len(options):
        word, value = options[place].lower(), options[place + 1]
        if word == "count" and value.isascii() and value.isdecimal() and (len(value) > 9 or int(value) > _MOST_SCANNED):
            return True
        place += 1 if word == "novalues" else 2
    return False


def _config_get(patterns: Sequence[str]) -> Risk:
    shown = [secret for secret in _SECRETS if any(fnmatchcase(secret, pattern.lower()) for pattern in patterns)]
    if shown or any(sign in pattern for pattern in patterns for sign in "[\\"):
        return risk_of(HIGH, ADMIN, "shows passwords of the server")
    return Risk()

"""The SQL of MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from aishell_core.safety.language.sql_judge import judge_sql
from aishell_core.safety.language.sql_redaction import redacted_sql
from aishell_core.safety.language.sql_rules import (
    ADMIN,
    CANCEL,
    COMMON,
    CRITICAL,
    HIGH,
    MEDIUM,
    NONE,
    READ,
    SCHEMA,
    TERMINATE,
    WRITE,
    Routines,
    SqlRules,
    phrases,
)
from aishell_core.safety.language.sql_words import Kind, Lexis, Piece, UnreadableError, scan
from aishell_core.safety.risk import Risk
from aishell_core.values import Value

_PHRASES = {
    **COMMON,
    **phrases(
        ("SHOW | USE | HELP", NONE, READ, ""),
        ("CHECKSUM TABLE | CHECK TABLE", MEDIUM, READ, "reads whole tables"),
        ("KILL QUERY | KILL SOFT QUERY | KILL HARD QUERY", MEDIUM, CANCEL, "cancels a statement"),
        ("KILL | KILL CONNECTION", MEDIUM, TERMINATE, "ends a session"),
        ("KILL USER | KILL SOFT | KILL HARD", HIGH, TERMINATE, "may end every session of a user"),
        ("ALTER EVENT | CREATE EVENT | DROP EVENT", HIGH, SCHEMA, "changes what runs by itself"),
        ("RENAME TABLE", HIGH, SCHEMA, "changes the schema"),
        ("ANALYZE | ANALYSE | OPTIMIZE | REPAIR", MEDIUM, WRITE, "maintenance: reads or writes whole tables, and locks them meanwhile"),
        ("LOAD | IMPORT", HIGH, ADMIN, "reads files"),
        ("HANDLER | XA", HIGH, ADMIN, "works outside of the rules of statements"),
        ("FLUSH | RESET | CHANGE | START | STOP | INSTALL | UNINSTALL | CLONE | CACHE", HIGH, ADMIN, "administers the server"),
        ("SHUTDOWN | RESTART", CRITICAL, ADMIN, "stops the server"),
        ("PURGE | RESET MASTER | RESET BINARY", CRITICAL, ADMIN, "deletes binary logs that replicas and backups may need"),
        ("DROP USER | DROP ROLE", HIGH, ADMIN, "changes who may do what"),
        ("UNLOCK", MEDIUM, WRITE, "gives table locks back"),
        (
            "SET TRANSACTION | SET SESSION TRANSACTION | SET LOCAL TRANSACTION",
            HIGH,
            ADMIN,
            "may take the protection of a read-only transaction away",
        ),
        ("SET DEFAULT ROLE | SET RESOURCE", HIGH, ADMIN, "changes who may do what"),
    ),
}
_BEFORE_DATABASES = frozenset({"USE", "DATABASE", "SCHEMA", "EXISTS"})
_HARMFUL = {
    name: risk
    for names, risk in (
        ("sleep", Risk(MEDIUM, (READ,), ("SLEEP() holds a connection and does nothing",))),
        ("benchmark", Risk(HIGH, (READ,), ("BENCHMARK() uses the server's CPU as long as it is told",))),
        ("get_lock release_lock release_all_locks", Risk(MEDIUM, (WRITE,), ("user locks make other sessions wait",))),
        ("load_file", Risk(HIGH, (ADMIN,), ("LOAD_FILE() reads files of the server",))),
        ("nextval setval", Risk(MEDIUM, (WRITE,), ("NEXTVAL() and SETVAL() move a sequence, which no rollback undoes",))),
        ("last_insert_id", Risk(NONE, (READ,))),
        (
            "master_pos_wait source_pos_wait master_gtid_wait wait_for_executed_gtid_set wsrep_sync_wait_upto_gtid",
            Risk(MEDIUM, (READ,), ("waits for replication and holds a connection",)),
        ),
        ("sys_exec sys_eval lib_mysqludf_sys_info", Risk(CRITICAL, (ADMIN,), ("runs programs on the server",))),
        ("keyring_key_fetch keyring_key_remove keyring_key_store", Risk(HIGH, (ADMIN,), ("works with the server's keys",))),
    )
    for name in names.split()
}

RULES = SqlRules(
    dialect="mysql",
    lexis=Lexis(
        backslashes=True, double_texts=True, hash_comments=True, strict_dashes=True, code_comments=True, backticks=True, percent_values=True
    ),
    functions=("mysql_functions.txt",),
    phrases=_PHRASES,
    harmful=_HARMFUL,
    unknown_prefixes=("asynchronous_", "group_replication_", "audit_", "mysql_firewall_", "keyring_", "wsrep_"),
    analyze_runs=True,
    numbers_are_truths=True,
    keys_have_lengths=True,
    modifiers=frozenset({"LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE"}),
    rows_are_values=True,
    routines=Routines.BLOCKS,
    system_schemas=frozenset({"mysql", "sys", "performance_schema", "information_schema"}),
    storage_engines=frozenset(
        {
            *("innodb", "myisam", "aria", "memory", "heap", "archive", "csv", "blackhole", "merge", "mrg_myisam", "sequence"),
            *("rocksdb", "tokudb", "columnstore", "mroonga", "oqgraph", "ndb", "ndbcluster"),
        }
    ),
)


def judge(command: str, _parameters: Sequence[Value] = (), database: str = "") -> Risk:
    """The risk of a statement for MySQL or MariaDB; bound parameters are values and change nothing of it. Never raises.

    `database` is that which names without one belong to.
    """
    return judge_sql(command, RULES.seen_from(database))


def databases(command: str, _parameters: Sequence[Value] = ()) -> frozenset[str]:
    """The names that stand before a dot, or where only a database's can stand."""
    try:
        pieces = [piece for piece in scan(command, RULES.lexis) if piece.kind is not Kind.COMMENT]
    except UnreadableError:
        return frozenset()
    shows = bool(pieces) and pieces[0].word == "SHOW"
    before = _BEFORE_DATABASES | {"FROM", "IN"} if shows else _BEFORE_DATABASES
    named = (_name(one) for one, other in pairwise(pieces) if other.text == ".")
    alone = (_name(other) for one, other in pairwise(pieces) if one.word in before)
    return frozenset(name for name in (*named, *alone) if name)


def _name(piece: Piece) -> str:
    """A name, also one in double quotes, which are quotes of texts or of names by a setting of the server."""
    quoted = piece.kind is Kind.QUOTED or piece.text.startswith('"')
    return piece.text[1:-1].replace(piece.text[0] * 2, piece.text[0]) if quoted else piece.name


def redacted(command: str, literal_hash: Callable[[str], str], _parameters: Sequence[Value] = ()) -> str | None:
    """The statement without comments, with its literals hashed."""
    return redacted_sql(command, RULES, literal_hash)

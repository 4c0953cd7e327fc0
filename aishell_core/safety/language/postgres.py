"""PostgreSQL's SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aishell_core.safety.language.sql_judge import judge_sql
from aishell_core.safety.language.sql_redaction import redacted_sql
from aishell_core.safety.language.sql_rules import (
    ADMIN,
    CANCEL,
    COMMON,
    CRITICAL,
    HIGH,
    LOW,
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
from aishell_core.safety.language.sql_words import Lexis
from aishell_core.safety.risk import Risk
from aishell_core.values import Value

_PHRASES = {
    **COMMON,
    **phrases(
        ("SHOW", NONE, READ, ""),
        (
            "CREATE MATERIALIZED VIEW | CREATE TYPE | CREATE DOMAIN | CREATE STATISTICS | CREATE AGGREGATE",
            MEDIUM,
            SCHEMA,
            "changes the schema",
        ),
        (
            "REFRESH MATERIALIZED VIEW",
            HIGH,
            ADMIN,
            "runs what stands behind the view, which its name does not tell, and locks it meanwhile",
        ),
        ("ALTER MATERIALIZED VIEW | ALTER TYPE | ALTER DOMAIN | ALTER FUNCTION", HIGH, SCHEMA, "changes the schema"),
        ("DROP TYPE | DROP DOMAIN | DROP AGGREGATE | DROP STATISTICS", HIGH, SCHEMA, "drops a part of the schema"),
        ("DROP OWNED", CRITICAL, ADMIN, "drops all that somebody owns"),
        ("ALTER SYSTEM", HIGH, ADMIN, "changes a setting of the server"),
        ("COPY", HIGH, ADMIN, "reads or writes files, programs or a stream"),
        ("VACUUM | ANALYZE | ANALYSE", MEDIUM, WRITE, "maintenance: reads and writes whole tables"),
        ("REINDEX | CLUSTER", HIGH, SCHEMA, "rebuilds indexes or tables, and locks them meanwhile"),
        ("CHECKPOINT | LOAD | SECURITY LABEL | IMPORT FOREIGN SCHEMA | REASSIGN OWNED", HIGH, ADMIN, "administers the server"),
        ("RESET | DISCARD", MEDIUM, WRITE, "changes settings of the session"),
        ("LISTEN | UNLISTEN | NOTIFY", LOW, WRITE, "sends messages to other sessions, or waits for them"),
        ("DECLARE | FETCH | MOVE | CLOSE", HIGH, ADMIN, "works with a cursor, whose statement is not seen here"),
        ("SET TRANSACTION | SET SESSION CHARACTERISTICS", HIGH, ADMIN, "may take the protection of a read-only transaction away"),
    ),
}
_HARMFUL = {
    name: risk
    for names, risk in (
        ("pg_terminate_backend", Risk(MEDIUM, (TERMINATE,), ("pg_terminate_backend() ends a session",))),
        ("pg_cancel_backend", Risk(LOW, (CANCEL,), ("pg_cancel_backend() cancels a statement",))),
        ("pg_sleep pg_sleep_for pg_sleep_until", Risk(MEDIUM, (READ,), ("pg_sleep() holds a connection and does nothing",))),
        ("nextval setval", Risk(MEDIUM, (WRITE,), ("nextval() and setval() move a sequence, which no rollback undoes",))),
        ("setseed", Risk(LOW, (WRITE,), ("setseed() changes the session",))),
        ("set_config", Risk(HIGH, (ADMIN,), ("set_config() changes a setting, that of a read-only transaction too",))),
        ("txid_current pg_current_xact_id", Risk(LOW, (WRITE,), ("txid_current() uses up a transaction id",))),
        (
            "pg_advisory_lock pg_advisory_lock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock "
            "pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared pg_advisory_unlock "
            "pg_advisory_unlock_shared pg_advisory_unlock_all",
            Risk(MEDIUM, (WRITE,), ("advisory locks make other sessions wait",)),
        ),
        ("pg_notify", Risk(LOW, (WRITE,), ("pg_notify() sends a message to other sessions",))),
        (
            "pg_read_file pg_read_binary_file pg_ls_dir pg_stat_file pg_ls_logdir pg_ls_waldir pg_ls_tmpdir pg_current_logfile "
            "pg_hba_file_rules pg_file_write pg_file_read pg_file_unlink pg_file_rename pg_file_sync pg_logdir_ls",
            Risk(HIGH, (ADMIN,), ("reads or writes files of the server",)),
        ),
        (
            "lo_import lo_export lo_create lo_creat lo_unlink lo_put lo_from_bytea lowrite lo_open lo_truncate lo_truncate64",
            Risk(HIGH, (ADMIN,), ("works with large objects, some of it with files of the server",)),
        ),
        (
            "dblink dblink_exec dblink_connect dblink_connect_u dblink_send_query dblink_open dblink_fetch",
            Risk(HIGH, (ADMIN,), ("dblink() runs statements over another connection, which no read-only transaction holds",)),
        ),
        (
            "query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml ts_stat ts_rewrite database_to_xml schema_to_xml "
            "table_to_xml",
            Risk(HIGH, (ADMIN,), ("runs a query that is written as a text",)),
        ),
        (
            "pg_reload_conf pg_rotate_logfile pg_switch_wal pg_promote pg_create_restore_point",
            Risk(HIGH, (ADMIN,), ("administers the server",)),
        ),
        ("pg_drop_replication_slot pg_replication_slot_advance", Risk(CRITICAL, (ADMIN,), ("gives up data that a replica still needs",))),
    )
    for name in names.split()
}

RULES = SqlRules(
    dialect="postgres",
    lexis=Lexis(letters="bBxXnN", escape_letters="eE", backslashes=False, nested_comments=True, dollar_texts=True, percent_values=True),
    functions=("postgres_functions.txt",),
    phrases=_PHRASES,
    harmful=_HARMFUL,
    own_schemas=("pg_catalog", "information_schema"),
    unknown_prefixes=("pg_", "lo_", "binary_upgrade", "dblink"),
    aimed=frozenset({"pg_terminate_backend", "pg_cancel_backend"}),
    routines=Routines.TEXTS,
    system_schemas=frozenset({"pg_catalog", "pg_toast", "information_schema"}),
    system_names=("pg_",),
    system_views=("pg_stat", "pg_locks"),
)
"""Functions of the server itself that are on neither list administer: most of them do."""


def judge(command: str, _parameters: Sequence[Value] = (), _database: str = "") -> Risk:
    """The risk of a statement for PostgreSQL; bound parameters are values and change nothing of it. Never raises."""
    return judge_sql(command, RULES)


def redacted(command: str, literal_hash: Callable[[str], str], _parameters: Sequence[Value] = ()) -> str | None:
    """The statement without comments, with its literals hashed."""
    return redacted_sql(command, RULES, literal_hash)

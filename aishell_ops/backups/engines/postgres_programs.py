"""How PostgreSQL's programs are called: with which arguments, told where the server is, and how their ends are known."""

from __future__ import annotations

from aishell_core.engines.postgres_held import ClientEnvironment
from aishell_ops.backups.engines.postgres_tools import Client
from aishell_ops.backups.models import Format
from aishell_ops.backups.streams.process import Program

ARCHIVE, SCRIPT, GLOBALS, FOLDER = "database.dump", "database.sql", "globals.sql", "database.tar"
"""The names of the parts of a dump; the last is a dump in directory format, as a tar."""
DEFINITIONS, DEFINING_SCRIPT = "definitions.dump", "definitions.sql"
"""The parts that hold all definitions beside the rows of some tables: a table alone has no types, functions and schemas."""
_LOCK_WAIT = "--lock-wait-timeout=10000"
_ENDINGS = (b"-- PostgreSQL database dump complete", b"-- PostgreSQL database cluster dump complete")
ERROR_LINE = r"psql:<stdin>:\d+: (?!WARNING|NOTICE|INFO|LOG|DEBUG)|pg_restore: error:"
"""How psql and pg_restore begin to tell of a statement that failed; the server may have another word for that than ERROR."""
OTHER_LINE = r"psql:|pg_restore:|$"
"""How they begin to tell of anything else."""
WENT_ON = "errors ignored on restore"
"""What pg_restore says last when it went on after errors; its exit code is that of a failure then."""


def program(client: Client, arguments: tuple[str, ...], around: ClientEnvironment, *, plain_words: bool = False) -> Program:
    """A program that is told by its environment alone where the server is; with `plain_words` it speaks English, to be understood."""
    words = {"LC_ALL": "C"} if plain_words else {}
    return Program((str(client.path), *arguments), {**around.variables, **words}, around.secrets, hides="PG")


def dump_arguments(form: Format, tables: tuple[str, ...], jobs: int = 0) -> tuple[str, ...]:
    """Those of pg_dump, of `tables` the rows alone; `jobs` other than 0 have it write a folder, side by side."""
    how: tuple[str, ...] = ("--format=plain",)
    if form is Format.NATIVE:
        how = ("--format=directory", f"--jobs={jobs}", "--compress=0", "--verbose") if jobs else ("--format=custom", "--compress=0")
    rows = ("--data-only", *_chosen(tables)) if tables else ()
    return (*how, "--no-password", _LOCK_WAIT, *rows)


def definition_arguments(form: Format) -> tuple[str, ...]:
    """Those of pg_dump for the definitions of a whole database."""
    return (*dump_arguments(form, ()), "--schema-only")


def _chosen(tables: tuple[str, ...]) -> tuple[str, ...]:
    return ("--strict-names", *(f"--table={table}" for table in tables))


def carry_arguments(tables: tuple[str, ...], database: str, *, rows_only: bool, bare: bool) -> tuple[str, ...]:
    """Those of pg_dump for a script of some tables; `rows_only` for such as are there, `bare` leaves owners and grants out."""
    how = ("--data-only",) if rows_only else (("--no-owner", "--no-privileges") if bare else ())
    return (*dump_arguments(Format.SQL, ()), *_chosen(tables), *how, "--dbname", connection_text(database))


def restore_arguments(database: str, *, go_on: bool, bare: bool, spaceless: bool, jobs: int = 1) -> tuple[str, ...]:
    """Those of pg_restore; `bare` leaves owners and grants out, `spaceless` tablespaces."""
    return (
        "--no-password",
        *(() if go_on else ("--exit-on-error",)),
        *(("--no-owner", "--no-privileges") if bare else ()),
        *(("--no-tablespaces",) if spaceless else ()),
        *((f"--jobs={jobs}",) if jobs > 1 else ()),
        "--dbname",
        connection_text(database),
    )


def script_arguments(database: str, *, go_on: bool) -> tuple[str, ...]:
    """Those of psql for a script; what is to go on after an error cannot be one transaction. With `-f -` it tells the line of each."""
    how = ("-v", "ON_ERROR_STOP=0") if go_on else ("-v", "ON_ERROR_STOP=1", "-1")
    return ("-X", "-q", "--no-password", "-o", "/dev/null", *how, "-d", connection_text(database), "-f", "-")


def connection_text(database: str) -> str:
    """A database's name as a connection string, so that one with an equals sign in it is no such string by itself."""
    value = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{value}'"


def ends_well(tail: bytes) -> bool:
    """Whether a script is whole, by its last bytes."""
    return any(ending in tail[-400:] for ending in _ENDINGS)

"""What a backup of a MySQL or MariaDB database would hold, and what it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from shlex import quote

from aishell_core.engines.mysql_errors import MysqlError, quoted, quoted_account
from aishell_core.engines.mysql_held import HeldConnection
from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_core.values import FailureCode
from aishell_ops.backups.engines import mysql_dump as dump
from aishell_ops.backups.engines.contract import SavePlan, SaveRequest
from aishell_ops.backups.engines.mysql_contents import SYSTEM, Contents, contents_of, grants_of, properties_of, variables_of
from aishell_ops.backups.engines.mysql_grants import ALL, lacking, rights_on
from aishell_ops.backups.engines.mysql_tools import Client
from aishell_ops.backups.errors import ToolError
from aishell_ops.backups.models import Format, Source

METHOD = "mysqldump"
_VARIABLES = ("server_uuid", "server_uid", "server_id", "log_bin", "max_allowed_packet")
_SHOWS_ROUTINES = {True: 110_300, False: 80_020}
"""Since when MariaDB, and MySQL, have a right of its own for the text of routines."""
_WHOLE = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
_PART = ("SELECT", "TRIGGER")
_DATABASES = "SELECT /* aishell */ schema_name AS name FROM information_schema.schemata ORDER BY 1"


async def plan_save(connection: HeldConnection, target: Target, request: SaveRequest, client: Client) -> SavePlan:
    """What would be saved; raises UsageError for what cannot be, ToolError for a program that would save it wrongly, MysqlError."""
    if request.format not in (Format.NATIVE, Format.SQL):
        raise UsageError(f"{connection.facts.product} databases cannot be saved as {request.format} yet", "take --format native or sql")
    contents = await _contents(connection, request.database)
    wanted = tuple(_named(table, contents) for table in request.tables)
    await _expect_rights(connection, contents, wanted)
    _expect_fit(connection, contents, wanted, client)
    variables = await variables_of(connection, *_VARIABLES)
    facts = connection.facts
    source = Source(
        target.name,
        "mysql",
        contents.database,
        target.location.redacted(),
        facts.version,
        variables.get("server_uuid") or variables.get("server_uid") or "",
        target.environment,
    )
    arguments = dump.dump_arguments(client, whole=not wanted, logged=facts.mariadb and variables.get("log_bin") == "1")
    return SavePlan(
        replace(request, tables=wanted),
        METHOD,
        source,
        (client.tool(*arguments),),
        expected_bytes=round(sum(table.bytes for table in contents.tables if not wanted or table.name in wanted)),
        skipped=(*_skipped(contents, wanted), *(() if wanted else await _unseen(connection, contents))),
        warnings=await _warnings(connection, contents, wanted, client),
        steps=(
            "keep writers waiting for the moment in which both the dump and our own transaction begin",
            f"dump the database with {client.path}",
            "count its tables in the same moment",
        ),
        recovery=_recovery(contents, wanted, client),
        properties=(("family", facts.product), *properties_of(contents, variables, wanted)),
    )


async def _contents(connection: HeldConnection, database: str) -> Contents:
    if not database:
        raise UsageError("no database is named", "name one; SHOW DATABASES lists those that are there")
    if database.lower() in SYSTEM:
        raise UsageError(f"{database} is a database of the server's own", "save the databases of people")
    found = await contents_of(connection, database)
    if found is None:
        there = [str(row["name"]) for row in await connection.fetch(_DATABASES)]
        near = get_close_matches(database, there, 1)
        raise UsageError(
            f"there is no database {database}", f"did you mean {near[0]}?" if near else "SHOW DATABASES lists those that are there"
        )
    return found


def _named(text: str, contents: Contents) -> str:
    """The table that somebody means by `orders` or `shop.orders`; raises UsageError naming the nearest."""
    names = contents.names
    for name in names:
        if text in (name, f"{contents.database}.{name}", quoted(name), f"{quoted(contents.database)}.{quoted(name)}"):
            return name
    near = get_close_matches(text.rpartition(".")[2], names, 1)
    raise UsageError(
        f"there is no table {text}", f"did you mean {near[0]}?" if near else f"SHOW TABLES FROM {contents.database} lists them"
    )


async def _expect_rights(connection: HeldConnection, contents: Contents, tables: Sequence[str]) -> None:
    """Raise MysqlError with the GRANT that is missing: a dump leaves out without a word what an account does not see."""
    grants = await grants_of(connection)
    whole = rights_on(grants, contents.database)
    who, place = quoted_account(connection.facts.account), quoted(contents.database)
    if not tables and (missing := lacking(whole, _WHOLE)):
        hint = f"GRANT {', '.join(missing)} ON {place}.* TO {who};"
        raise MysqlError(FailureCode.PRIVILEGE, f"this account does not see all of the database {contents.database}", hint)
    for table in tables:
        if missing := lacking(whole | rights_on(grants, contents.database, table), _PART):
            hint = f"GRANT {', '.join(missing)} ON {place}.{quoted(table)} TO {who};"
            raise MysqlError(FailureCode.PRIVILEGE, f"this account does not see all of the table {table}", hint)


def _expect_fit(connection: HeldConnection, contents: Contents, tables: Sequence[str], client: Client) -> None:
    """Raise ToolError where MariaDB's program would save tables of MySQL so that they cannot be restored."""
    if connection.facts.mariadb or not client.mariadb:
        return
    odd = sorted(
        {column.table for column in contents.columns if column.generated or "INVISIBLE" in column.extra} & _or_all(tables, contents)
    )
    if odd:
        message = (
            f"MariaDB's {client.path.name} does not save generated and invisible columns of MySQL rightly, as {', '.join(odd)} have them"
        )
        raise ToolError(message, "install mysqldump of MySQL: mysql-client (Debian and Homebrew) or mysql (Red Hat)")


def _or_all(tables: Sequence[str], contents: Contents) -> set[str]:
    return set(tables or contents.names)


async def _unseen(connection: HeldConnection, contents: Contents) -> tuple[tuple[str, str], ...]:
    """Routines, where the account may not see whether there are any: the server then tells of none, as if there were none."""
    facts, grants = connection.facts, await grants_of(connection)
    who, place = quoted_account(facts.account), quoted(contents.database)
    if not facts.mariadb:
        server = rights_on(grants, "")
        right = "SHOW_ROUTINE" if facts.version_num >= _SHOWS_ROUTINES[False] else "SELECT"
        seen, grant = bool({"SELECT", "SHOW_ROUTINE", ALL} & server), f"GRANT {right} ON *.* TO {who};"
    else:
        seen = not lacking(rights_on(grants, "mysql", "proc"), ("SELECT",))
        seen = seen or not lacking(rights_on(grants, contents.database), ("SHOW CREATE ROUTINE",))
        newer = facts.version_num >= _SHOWS_ROUTINES[True]
        grant = f"GRANT SHOW CREATE ROUTINE ON {place}.* TO {who};" if newer else f"GRANT SELECT ON mysql.proc TO {who};"
    return () if seen or contents.routines else (("functions and procedures", f"this account does not see whether there are any: {grant}"),)


def _skipped(contents: Contents, tables: Sequence[str]) -> tuple[tuple[str, str], ...]:
    wanted = _or_all(tables, contents)
    found = [
        (table.name, f"its rows are not in this server ({table.engine}); its definition is saved")
        for table in contents.tables
        if table.elsewhere and table.name in wanted
    ]
    found += [
        (f"history of {table.name}", "a dump holds the rows of now alone")
        for table in contents.tables
        if table.versioned and table.name in wanted
    ]
    if not tables:
        found.append(("accounts and their rights", "they belong to the server and to no database"))
    return tuple(found)


async def _warnings(connection: HeldConnection, contents: Contents, tables: Sequence[str], client: Client) -> tuple[str, ...]:
    wanted, found = _or_all(tables, contents), []
    loose = [
        f"{table.name} ({table.engine})"
        for table in contents.tables
        if table.name in wanted and table.holds_rows and not table.transactional
    ]
    if loose:
        rights = rights_on(await grants_of(connection), contents.database)
        if lacking(rights, ("LOCK TABLES",)):
            grant = f"GRANT LOCK TABLES ON {quoted(contents.database)}.* TO {quoted_account(connection.facts.account)};"
            found.append(f"{', '.join(loose)} know no transactions: they are saved as they are at another moment, and not proven; {grant}")
        else:
            found.append(f"{', '.join(loose)} know no transactions: who writes to them waits until the dump is done")
    floats = [column for column in contents.columns_of("float") if column.rpartition(".")[0] in wanted]
    if floats:
        found.append(f"{', '.join(floats)} are of type FLOAT: the server gives six digits of them, and no dump holds more")
    if client.mariadb is not connection.facts.mariadb:
        found.append(f"MySQL's own mysqldump is not here, and MariaDB's {client.path.name} stands in for it")
    return tuple(found)


def _recovery(contents: Contents, tables: Sequence[str], client: Client) -> tuple[str, ...]:
    program = "mariadb" if client.mariadb else "mysql"
    words = f"CREATE DATABASE {quoted(contents.database)} CHARACTER SET {contents.charset} COLLATE {contents.collation}"
    load = f"{program} {dump.CHARSET} --max-allowed-packet=1G --binary-mode --database={quote(contents.database)}"
    first = "    # a client that does not know the first line: tail -n +2 database.sql | mysql ..." if client.mariadb else ""
    events = () if tables or not contents.events else (f"{load} < {dump.EVENTS}",)
    return (f"{program} -e {quote(words)}", f"{load} < {dump.SCRIPT}{first}", *events)

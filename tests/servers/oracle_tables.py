"""Stands in for the driver's connections to an Oracle server with tables: answers the statements of backups, from memory.

It was written from the SQL Language Reference and the Database Reference, because no server can be had here: '' is NULL, CHAR is padded,
numbers are rounded to their scale, definitions commit, and a query at a system change number shows that moment.
"""

from __future__ import annotations

import errno
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any

from aishell_core.engines.oracle_facts import SQL as FACTS_SQL
from aishell_core.engines.oracle_place import Place
from aishell_core.engines.oracle_wire import Binds, Bound, Brought, Row, ServerError
from aishell_core.values import Value
from aishell_ops.backups.rows.engines import oracle as tables_sql
from aishell_ops.backups.rows.engines import oracle_catalog as catalog
from aishell_ops.backups.rows.engines import oracle_place as place_sql
from tests.servers.oracle_recorded import recorded
from tests.servers.oracle_schema import Attached, Col, Tab, dictionary, ora

_LABEL = r'"([^"]+)"\."([^"]+)"'
_SELECT = re.compile(rf"SELECT /\* aishell \*/ (.*) FROM {_LABEL}( AS OF SCN :scn)?", re.DOTALL)
_COUNT = re.compile(rf"SELECT /\* aishell \*/ COUNT\(\*\) AS found FROM {_LABEL}(?:( AS OF SCN :scn)| WHERE ROWNUM <= (\d+))?")
_JOURNAL = re.compile(rf"SELECT /\* aishell \*/ place(, name, id)? FROM {_LABEL} WHERE place (=|>) 0( FOR UPDATE NOWAIT| ORDER BY place)")
_CREATE = re.compile(rf"CREATE TABLE /\* aishell \*/ {_LABEL} \((.*)\)", re.DOTALL)
_RENAME = re.compile(rf'ALTER TABLE /\* aishell \*/ {_LABEL} RENAME TO "([^"]+)"')
_PRIMARY = re.compile(rf"ALTER TABLE /\* aishell \*/ {_LABEL} ADD PRIMARY KEY \((.*)\)")
_DROP = re.compile(rf"DROP TABLE /\* aishell \*/ {_LABEL}(?: CASCADE CONSTRAINTS)? PURGE")
_DELETE = re.compile(rf"DELETE /\* aishell \*/ FROM {_LABEL}( WHERE place > 0)?")
_INSERT = re.compile(rf"INSERT /\* aishell \*/ INTO {_LABEL} \(([^()]*)\) (VALUES|SELECT) (.*)", re.DOTALL)
_FROM = re.compile(rf".* FROM {_LABEL}", re.DOTALL)
_NAME = re.compile(r'"([^"]+)"')
_PYTHON = {
    Bound.NUMBER: Decimal,
    Bound.FLOAT: float,
    Bound.DOUBLE: float,
    Bound.BOOLEAN: bool,
    **dict.fromkeys((Bound.BYTES, Bound.LONG_BYTES, Bound.BLOB), bytes),
}


class OracleMemory:
    """A server; tests change what it holds."""

    def __init__(self, user: str = "SHOP", version: str = "19.22.0.0.0") -> None:
        self.user, self.version = user, version
        self.schemas: dict[str, dict[str, Tab]] = {"SHOP": {}, "OTHER": {}, "SYS": {}}
        self.attached = Attached()
        self.attached_to = defaultdict(Attached, SHOP=self.attached)
        self.quota: int | None = None
        self.scn = 4_711_000
        self.past: dict[int, dict[str, dict[str, Tab]]] = {}
        self.statements: list[str] = []
        self.fault: Callable[[str], ServerError | None] = lambda _: None
        self.locked_by: RecordedBulk | None = None
        self.open = 0
        self.gone = False
        self.actions: list[str] = []
        self._ids = 70_000

    def table(
        self, name: str, columns: Sequence[Col], *rows: Sequence[Any], schema: str = "SHOP", key: tuple[str, ...] = (), **extra: Any
    ) -> Tab:
        """Put a table there."""
        self._ids += 1
        found = Tab(
            name, list(columns), [dict(zip([each.name for each in columns], row, strict=True)) for row in rows], key, self._ids, extra
        )
        self.schemas[schema][name] = found
        return found

    def names(self, schema: str = "SHOP") -> list[str]:
        """The names of all tables."""
        return sorted(self.schemas[schema])

    async def connect(self, place: Place, action: str) -> RecordedBulk:
        """A connection, as the driver's."""
        if self.gone:
            raise OSError(errno.ECONNREFUSED, "Connect call failed")
        self.open += 1
        self.actions.append(action)
        return RecordedBulk(self)


class RecordedRows:
    """Rows of a query in pieces of two."""

    def __init__(self, wire: RecordedBulk, rows: list[tuple[Any, ...]]) -> None:
        self._wire, self._rows = wire, rows

    async def more(self) -> list[tuple[Any, ...]]:
        self._wire.alive("MORE")
        found, self._rows = self._rows[:2], self._rows[2:]
        return found

    async def close(self) -> None:
        self._rows = []


class RecordedBulk:
    """One connection; see `BulkWire`."""

    def __init__(self, server: OracleMemory) -> None:
        self._server = server
        self._before: dict[str, dict[str, Tab]] | None = None
        self.version, self.lost = server.version, False

    def alive(self, sql: str) -> None:
        """Note a statement; raises what is to go wrong with it."""
        self._server.statements.append(sql)
        if self._server.gone or self.lost:
            raise ServerError(3113, "DPY-4011", "ORA-03113: end-of-file on communication channel", lost=True)
        if (fault := self._server.fault(sql)) is not None:
            raise fault

    def names(self, sql: str) -> tuple[str, ...]:
        raise AssertionError(sql)

    async def run(self, sql: str, values: Sequence[Value], most: tuple[int, int], milliseconds: int) -> Brought:
        raise AssertionError(sql)

    async def fetch(self, sql: str, binds: Binds, milliseconds: int) -> tuple[Row, ...]:
        self.alive(sql)
        return tuple(self._answer(sql, binds))

    def _answer(self, sql: str, binds: Binds) -> list[Row]:
        server = self._server
        if sql == FACTS_SQL:
            return [{**recorded("facts")[0], "username": server.user}]
        if sql in (tables_sql.SCN, tables_sql.SCN_BY_PACKAGE):
            server.scn += 1
            server.past[server.scn] = deepcopy(server.schemas)
            return [{"scn": server.scn}]
        if sql == tables_sql.NOW:
            return [{"now": 1_790_000_000}]
        if sql == catalog.SCHEMAS:
            return [{"name": name, "own": "Y" if name == "SYS" else "N"} for name in sorted(server.schemas)]
        if sql == place_sql.QUOTA:
            return [] if server.quota is None else [{"free": server.quota}]
        if found := _COUNT.fullmatch(sql):
            count = len(self._table(found[1], found[2], binds["scn"] if found[3] else None).rows)
            return [{"found": min(count, int(found[4])) if found[4] else count}]
        if found := _JOURNAL.fullmatch(sql):
            return self._journal(found)
        if "owner" in binds:
            schema = str(binds["owner"])
            return dictionary([*server.schemas[schema].values()], server.attached_to[schema], sql, binds)
        raise AssertionError(sql)

    def _journal(self, found: re.Match[str]) -> list[Row]:
        rows = self._table(found[2], found[3]).rows
        if "FOR UPDATE" in found[5]:
            if self._server.locked_by not in (None, self):
                raise ora(54, "resource busy and acquire with NOWAIT specified")
            self._server.locked_by = self
            return [row for row in rows if row["PLACE"] == 0]
        return [{name.lower(): row.get(name) for name in ("PLACE", "NAME", "ID")} for row in rows if row["PLACE"] > 0]

    def _table(self, schema: str, name: str, scn: object = None) -> Tab:
        schemas = self._server.schemas if scn is None else self._server.past[int(str(scn))]
        if name not in schemas[schema]:
            raise ora(942, "table or view does not exist")
        return schemas[schema][name]

    async def open_rows(self, sql: str, binds: Binds, milliseconds: int) -> RecordedRows:
        self.alive(sql)
        found = _SELECT.fullmatch(sql)
        assert found is not None, sql
        table = self._table(found[2], found[3], binds["scn"] if found[4] else None)
        wanted = [(_column(table, each), each) for each in _pieces(found[1])]
        return RecordedRows(self, [tuple(column.shown(row[column.name], each) for column, each in wanted) for row in table.rows])

    async def insert(self, sql: str, kinds: Sequence[Bound], rows: Sequence[Sequence[Any]], milliseconds: int) -> None:
        self.alive(sql)
        found = _INSERT.fullmatch(sql)
        assert found is not None, sql
        table, values = self._changing(found[1], found[2]), _pieces(found[5].removeprefix("(").removesuffix(")"))
        columns = [_column(table, each) for each in _pieces(found[3])]
        assert len(columns) == len(values) == len(kinds)
        for row in rows:
            for number, (kind, value) in enumerate(zip(kinds, row, strict=True)):
                assert f":c{number}" in values[number]
                assert value is None or isinstance(value, _PYTHON.get(kind, str)), f"{kind} cannot be {value!r}"
                if isinstance(value, str):
                    value.encode()
            table.rows.append(
                {**dict.fromkeys(each.name for each in table.columns), **{c.name: c.kept(v) for c, v in zip(columns, row, strict=True)}}
            )
        _expect_key(table)

    def _changing(self, schema: str, name: str) -> Tab:
        if self._before is None:
            self._before = deepcopy(self._server.schemas)
        return self._table(schema, name)

    async def execute(self, sql: str, binds: Binds, milliseconds: int) -> None:
        self.alive(sql)
        if sql.startswith(("ALTER SESSION", "LOCK TABLE")):
            return
        if found := _DELETE.fullmatch(sql):
            table = self._changing(found[1], found[2])
            table.rows = [row for row in table.rows if found[3] and row["PLACE"] == 0]
        elif found := _INSERT.fullmatch(sql):
            self._insert(found, binds)
        else:
            self._before, self._server.locked_by = None, None if self._server.locked_by is self else self._server.locked_by
            self._define(sql)

    def _insert(self, found: re.Match[str], binds: Binds) -> None:
        table = self._changing(found[1], found[2])
        if found[3].startswith("place"):
            row = {"PLACE": binds.get("place"), "NAME": binds.get("name"), "ID": binds.get("id")}
            number = re.fullmatch(r"\((\d)\)", found[5])
            table.rows.append({**row, "PLACE": int(number[1])} if number else row)
        else:
            source = _FROM.fullmatch(found[5])
            assert source is not None
            names = _NAME.findall(found[3])
            for row in self._table(source[1], source[2]).rows:
                table.rows.append({each.name: each.kept(row[each.name] if each.name in names else None) for each in table.columns})
        _expect_key(table)

    def _define(self, sql: str) -> None:
        server = self._server
        if found := _CREATE.fullmatch(sql):
            if found[2] in server.schemas[found[1]]:
                raise ora(955, "name is already used by an existing object")
            if found[2] == catalog.JOURNAL:
                server.table(
                    found[2],
                    [Col("PLACE", "NUMBER(10,0)"), Col("NAME", "VARCHAR2(128 BYTE)"), Col("ID", "NUMBER")],
                    schema=found[1],
                    key=("PLACE",),
                )
                return
            columns = [re.fullmatch(r'"([^"]+)" (.*?)( NOT NULL)?', each) for each in _pieces(found[3])]
            server.table(found[2], [Col(one[1], one[2], not one[3]) for one in columns if one is not None], schema=found[1])
        elif found := _RENAME.fullmatch(sql):
            table = self._table(found[1], found[2])
            if found[3] in server.schemas[found[1]]:
                raise ora(955, "name is already used by an existing object")
            del server.schemas[found[1]][found[2]]
            table.name = found[3]
            server.schemas[found[1]][found[3]] = table
        elif found := _PRIMARY.fullmatch(sql):
            table = self._table(found[1], found[2])
            table.key = tuple(_NAME.findall(found[3]))
            _expect_key(table)
        else:
            found = _DROP.fullmatch(sql)
            assert found is not None, sql
            if server.locked_by is not None and found[2] == catalog.JOURNAL:
                raise ora(54, "resource busy")
            self._table(found[1], found[2])
            del server.schemas[found[1]][found[2]]

    async def end(self, milliseconds: int, *, keep: bool) -> None:
        self.alive("COMMIT" if keep else "ROLLBACK")
        self._end(keep=keep)

    def _end(self, *, keep: bool) -> None:
        if self._before is not None and not keep:
            for name, tables in self._before.items():
                for table in tables.values():
                    if table.name in self._server.schemas[name]:
                        self._server.schemas[name][table.name].rows = table.rows
        self._before = None
        if self._server.locked_by is self:
            self._server.locked_by = None

    async def close(self) -> None:
        if not self.lost:
            self.lost = True
            self._end(keep=False)
            self._server.open -= 1


def _expect_key(table: Tab) -> None:
    keys = [tuple(row[name] for name in table.key) for row in table.rows]
    if table.key and len(set(keys)) < len(keys):
        raise ora(1, "unique constraint violated")


def _column(table: Tab, expression: str) -> Col:
    found = _NAME.search(expression)
    assert found is not None
    column = next((each for each in table.columns if each.name == found[1]), None)
    if column is None:
        raise ora(904, f"{found[0]}: invalid identifier")
    return column


def _pieces(text: str) -> list[str]:
    """What stands between commas that are in no parentheses and no quotes."""
    found, depth, quoted = [""], 0, ""
    for sign in text:
        if quoted or sign in "'\"":
            quoted = "" if quoted == sign else quoted or sign
        else:
            depth += {"(": 1, ")": -1}.get(sign, 0)
            if sign == "," and not depth:
                found.append("")
                continue
        found[-1] += sign
    return [each.strip() for each in found]

"""Taking rows into an Oracle schema: into tables under names of their own, which are read back before they are put in place.

Definitions commit by themselves in Oracle. So new tables are renamed first, each written down before by its object's number; then one
transaction fills the tables that were there and says that all is done. Whatever ends before that transaction does is taken back: at
once, or by the next restore when the program was killed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from aishell_core.engines.oracle_errors import quoted
from aishell_core.engines.oracle_held import HeldConnection, OracleError
from aishell_core.errors import RefusedError
from aishell_ops.backups.errors import BusyError
from aishell_ops.backups.rows.contract import Place, Placed, PlacedColumn
from aishell_ops.backups.rows.engines.oracle_catalog import DONE, JOURNAL, RESERVED, contents_of, exact, noted_in
from aishell_ops.backups.rows.engines.oracle_faults import writing
from aishell_ops.backups.rows.engines.oracle_place import REFERRERS, rows_there, unfit
from aishell_ops.backups.rows.engines.oracle_types import bound, taken
from aishell_ops.backups.rows.fidelity import Shape
from aishell_ops.backups.rows.model import Raw, Row

Connected = Callable[[str], AbstractAsyncContextManager[HeldConnection]]
"""Makes a connection for a purpose."""

NEW = f"{RESERVED}NEW_"
LEFTOVERS = "SELECT /* aishell */ table_name AS name FROM all_tables WHERE owner = :owner AND table_name LIKE :prefix ESCAPE '!'"
BY_ID = "SELECT /* aishell */ object_name AS name FROM all_objects WHERE owner = :owner AND object_id = :id AND object_type = 'TABLE'"
ID_OF = "SELECT /* aishell */ object_id AS id FROM all_objects WHERE owner = :owner AND object_name = :name AND object_type = 'TABLE'"
_LOCKED, _FIRST = 0, DONE + 1
"""Places in the journal: the row that is locked, and those of new tables."""
_NAME_TAKEN, _IS_THERE, _BUSY, _GONE = 955, 1, 54, 942
_TRIES = 5
_LOCK_SECONDS = 10


@asynccontextmanager
async def staged(connected: Connected, place: Place, tables: Sequence[Placed], *, trial: bool) -> AsyncIterator[OracleStaging]:
    """A staging place in a schema, which nobody else has at the same time; with `trial` nothing of it ever gets its name."""
    schema = place.database
    async with connected("restore lock") as keeper, connected("restore") as connection:
        user = connection.facts.user
        try:
            await _keep(keeper, schema)
            staging = OracleStaging(connection, place, trial=trial)
            try:
                await tidy(connection, schema)
                await staging.begin(tables)
                yield staging
            finally:
                await asyncio.shield(_let_go(connected, connection, keeper, schema))
        except OracleError as error:
            raise writing(error, exact(schema), quoted(user), own=schema == user) from error


class OracleStaging:
    """Tables under names of their own."""

    def __init__(self, connection: HeldConnection, place: Place, *, trial: bool) -> None:
        self._connection = connection
        self._schema = place.database
        self._full = frozenset(name for name, _ in place.existing)
        self._trial = trial
        self._token = secrets.token_hex(3).upper()
        self._names: dict[str, str] = {}
        self._there: frozenset[str] = frozenset()

    async def begin(self, tables: Sequence[Placed]) -> None:
        """Make the tables; raises RefusedError where one that is there cannot take the rows."""
        contents = await contents_of(self._connection, self._schema)
        if not self._trial:
            whys = unfit(contents, tables)
            if whys:
                raise RefusedError(whys[0], "; ".join(whys[1:]) or "nothing was changed")
            self._there = frozenset(table.name for table in contents.tables)
        for number, placed in enumerate(tables):
            self._names[placed.name] = f"{NEW}{self._token}_{number}"
            lines = [f"{exact(column.name)} {column.shape.type}{' NOT NULL' if column.required else ''}" for column in placed.columns]
            await self._connection.execute(f"CREATE TABLE /* aishell */ {self._staged(placed)} ({', '.join(lines)})")

    def _final(self, placed: Placed) -> str:
        return f"{exact(self._schema)}.{exact(placed.name)}"

    def _staged(self, placed: Placed) -> str:
        return f"{exact(self._schema)}.{exact(self._names[placed.name])}"

    async def load(self, placed: Placed, rows: Sequence[Sequence[Raw]]) -> None:
        """Take rows and keep them, so that no transaction grows with the table."""
        sql, numbers = insertion(self._staged(placed), placed.columns)
        kinds = [bound(placed.columns[number].shape.type) for number in numbers]
        await self._connection.insert(sql, kinds, [[row[number] for number in numbers] for row in rows])
        await self._connection.commit()

    async def finish(self, placed: Placed) -> None:
        """Build the primary key of a table that is new; one that is there has its own."""
        if placed.key and placed.name not in self._there:
            listed = ", ".join(map(exact, placed.key))
            await self._connection.execute(f"ALTER TABLE /* aishell */ {self._staged(placed)} ADD PRIMARY KEY ({listed})")

    async def rows(self, placed: Placed) -> AsyncIterator[Sequence[Row]]:
        """All rows of a table as its source would have them."""
        async for piece in read(self._connection, self._staged(placed), [(column.name, column.shape) for column in placed.columns]):
            yield piece

    async def publish(self, placed: Sequence[Placed]) -> None:
        """Put all tables in their places. Once begun it is ended."""
        if self._trial:
            return
        work = asyncio.ensure_future(self._publish(placed))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await work
            raise

    async def _publish(self, placed: Sequence[Placed]) -> None:
        connection, journal = self._connection, f"{exact(self._schema)}.{exact(JOURNAL)}"
        fresh = [each for each in placed if each.name not in self._there]
        for number, each in enumerate(fresh):
            made = await connection.value(ID_OF, {"owner": self._schema, "name": self._names[each.name]})
            binds = {"place": _FIRST + number, "name": each.name, "id": int(str(made))}
            await connection.execute(f"INSERT /* aishell */ INTO {journal} (place, name, id) VALUES (:place, :name, :id)", binds)  # noqa: S608
        await connection.commit()
        for each in fresh:
            await connection.execute(f"ALTER TABLE /* aishell */ {self._staged(each)} RENAME TO {exact(each.name)}")
        parents_first = await self._in_order([each for each in placed if each.name in self._there])
        await self._lock(parents_first)
        for each in reversed(parents_first):
            await connection.execute(f"DELETE /* aishell */ FROM {self._final(each)}")
        for each in parents_first:
            listed = ", ".join(exact(column.name) for column in each.columns)
            await connection.execute(
                f"INSERT /* aishell */ INTO {self._final(each)} ({listed}) SELECT {listed} FROM {self._staged(each)}"  # noqa: S608
            )
        await connection.execute(f"INSERT /* aishell */ INTO {journal} (place) VALUES ({DONE})")  # noqa: S608
        await connection.commit()

    async def _lock(self, placed: Sequence[Placed]) -> None:
        """Keep writers from the tables, and expect those still empty of which nobody has allowed to lose rows; raises RefusedError."""
        for each in placed:
            await self._connection.execute(f"LOCK TABLE /* aishell */ {self._final(each)} IN EXCLUSIVE MODE WAIT {_LOCK_SECONDS}")
        for each in placed:
            if each.name not in self._full and await rows_there(self._connection, self._schema, each.name):
                raise RefusedError(f"{each.name} has got rows meanwhile", "nothing was changed; --drop-existing replaces them")

    async def _in_order(self, placed: list[Placed]) -> list[Placed]:
        """Tables whose rows others refer to before those that do; those in a ring as they came."""
        rows = await self._connection.fetch(REFERRERS, {"owner": self._schema})
        needs: dict[str, set[str]] = {each.name: set() for each in placed}
        for row in rows:
            child, parent = str(row["tab"]), str(row["parent"])
            if str(row["owner"]) == self._schema and child in needs and parent in needs and child != parent:
                needs[child].add(parent)
        found: list[Placed] = []
        left = list(placed)
        while left:
            ready = [each for each in left if not needs[each.name] & {one.name for one in left}] or left[:1]
            found += ready
            left = [each for each in left if each not in ready]
        return found


def insertion(label: str, columns: Sequence[PlacedColumn]) -> tuple[str, list[int]]:
    """The statement that takes a row, and the numbers of its columns in the order of their placeholders: a LONG must be the last."""
    numbers = sorted(range(len(columns)), key=lambda number: columns[number].shape.type.startswith("LONG"))
    listed = ", ".join(exact(columns[number].name) for number in numbers)
    values = ", ".join(taken(columns[number].shape.type, f":c{place}") for place, number in enumerate(numbers))
    return f"INSERT /* aishell */ INTO {label} ({listed}) VALUES ({values})", numbers  # noqa: S608 - quoted names


def selection(label: str, shapes: Sequence[tuple[str, Shape]], *, scn: bool) -> str:
    """The statement that reads all rows, at the moment that is bound to `scn` or now."""
    listed = ", ".join(shape.select.replace("{}", exact(name)) for name, shape in shapes)
    return f"SELECT /* aishell */ {listed} FROM {label}" + (" AS OF SCN :scn" if scn else "")  # noqa: S608 - quoted names


async def read(
    connection: HeldConnection, label: str, shapes: Sequence[tuple[str, Shape]], scn: int | None = None
) -> AsyncIterator[Sequence[Row]]:
    """All rows of a table, at one system change number or now."""
    reads = [shape.read for _, shape in shapes]
    binds = {} if scn is None else {"scn": scn}
    async for piece in connection.stream(selection(label, shapes, scn=scn is not None), binds):
        yield [tuple([None if cell is None else way(cell) for way, cell in zip(reads, row, strict=True)]) for row in piece]


async def _keep(keeper: HeldConnection, schema: str) -> None:
    """Lock the journal's first row, and make the journal where there is none; raises BusyError when another restore has it."""
    journal = f"{exact(schema)}.{exact(JOURNAL)}"
    columns = "place NUMBER(10,0) PRIMARY KEY, name VARCHAR2(128 BYTE), id NUMBER"
    for _ in range(_TRIES):
        await _but(keeper.execute(f"CREATE TABLE /* aishell */ {journal} ({columns})"), _NAME_TAKEN)
        try:
            if await keeper.fetch(f"SELECT /* aishell */ place FROM {journal} WHERE place = {_LOCKED} FOR UPDATE NOWAIT"):  # noqa: S608
                return
            await _but(keeper.execute(f"INSERT /* aishell */ INTO {journal} (place) VALUES ({_LOCKED})"), _IS_THERE)  # noqa: S608
            await keeper.commit()
        except OracleError as error:
            if error.number == _GONE:
                continue
            if error.number == _BUSY:
                raise BusyError(f"another restore into {schema} is under way", "wait for its end") from error
            raise
    raise BusyError(f"other restores into {schema} begin and end all the time", "try it again later")


async def tidy(connection: HeldConnection, schema: str) -> None:
    """Take back what a restore has begun and not ended, and drop what one that ended has left."""
    journal = f"{exact(schema)}.{exact(JOURNAL)}"
    rows = await connection.fetch(noted_in(schema))
    if not any(int(row["place"]) == DONE for row in rows):
        for row in rows:
            # A table that was renamed keeps its number; one that somebody else has made under that name has another.
            for found in await connection.fetch(BY_ID, {"owner": schema, "id": int(row["id"])}):
                await _drop(connection, schema, str(found["name"]))
    prefix = f"{NEW.replace('_', '!_')}%"
    for row in await connection.fetch(LEFTOVERS, {"owner": schema, "prefix": prefix}):
        await _drop(connection, schema, str(row["name"]))
    await connection.execute(f"DELETE /* aishell */ FROM {journal} WHERE place > {_LOCKED}")
    await connection.commit()


async def _drop(connection: HeldConnection, schema: str, name: str) -> None:
    await _but(connection.execute(f"DROP TABLE /* aishell */ {exact(schema)}.{exact(name)} CASCADE CONSTRAINTS PURGE"), _GONE)


async def _let_go(connected: Connected, connection: HeldConnection, keeper: HeldConnection, schema: str) -> None:
    """Put the schema in order, by another connection where the first one has broken, and let others begin.

    What cannot be done now, because the server is gone, the next restore does.
    """
    try:
        await connection.roll_back()
        await tidy(connection, schema)
    except OracleError:
        with suppress(OracleError):
            async with connected("restore") as other:
                await tidy(other, schema)
    # Whoever has taken the journal over by now keeps it.
    with suppress(OracleError):
        await keeper.roll_back()
        await keeper.execute(f"DROP TABLE /* aishell */ {exact(schema)}.{exact(JOURNAL)} PURGE")


async def _but(work: Awaitable[None], *numbers: int) -> None:
    """Do something that may fail by one of these errors."""
    try:
        await work
    except OracleError as error:
        if error.number not in numbers:
            raise

"""Where a server counts statements, and what would make it do so. Pure but for the question itself."""

from __future__ import annotations

from dataclasses import dataclass

from aishell_core.engines.postgres import Row, ServerFacts
from aishell_core.values import Failure, FailureCode, Part
from collectors.postgres.hints import CREATE_EXTENSION, libraries_of, monitor_grant, preload_statement, quoted

_MODULE = "pg_stat_statements"
_CALLS = (f"{_MODULE}(", f"{_MODULE}_info(")
_OLDEST = (1, 9)
_SPLIT_TIMES = (1, 11)


@dataclass(frozen=True, slots=True)
class StatementPlace:
    """Whether and where statements are counted: the extension's version and schema, None where it is not in this database.

    `available` when the module is on the server's disk, `loaded` when the server runs with it, `sees_all` when the role
    may see statements of other roles. `libraries` are those that the server loads at its next start, None where not told.
    """

    version: tuple[int, ...] | None
    schema: str
    available: bool
    loaded: bool
    libraries: tuple[str, ...] | None
    io_timed: bool
    block_bytes: float
    sees_all: bool

    @property
    def counts(self) -> bool:
        """Whether there are counted statements to be read."""
        return self.loaded and self.version is not None and self.version >= _OLDEST

    @property
    def columns_of(self) -> int:
        """The server version whose module has the columns of this one: it may be newer than the extension in the database."""
        return 170000 if self.version is not None and self.version >= _SPLIT_TIMES else 140000

    def call(self, sql: str) -> str:
        """A statement with the module's functions named by their schema."""
        for call in _CALLS:
            sql = sql.replace(call, f"{quoted(self.schema)}.{call}")
        return sql


def asks_files(row: Row) -> bool:
    """Whether a row of `statement_place` needs that of `statement_libraries` besides, and the role may read it."""
    return not row["loaded"] and bool(row["reads_files"])


def place_of(row: Row, files: Row | None = None) -> StatementPlace:
    """The place from a row of `statement_place` and the one of `statement_libraries`, None where there is none."""
    running = None if row["pending"] else row["libraries"]
    return StatementPlace(
        version=_version(row["version"]),
        schema=row["schema"] or "",
        available=bool(row["available"]),
        loaded=bool(row["loaded"]),
        libraries=libraries_of(files["libraries"] if files is not None else running),
        io_timed=bool(row["io_timed"]),
        block_bytes=row["block_bytes"],
        sees_all=bool(row["sees_all"]),
    )


def _version(text: str | None) -> tuple[int, ...] | None:
    return None if text is None else tuple(int(part) for part in text.split(".") if part.isdigit())


def missing(place: StatementPlace, server: ServerFacts, at: float) -> Failure | None:
    """Why statements are not counted or not all of them are seen, with what would mend it; None when all is well."""
    if place.counts:
        if place.sees_all:
            return None
        message = f"statements of other roles are hidden from the role {server.user}"
        return Failure(Part.STATEMENTS, FailureCode.PRIVILEGE, message, monitor_grant(server.user), at)
    if place.loaded and place.version is not None:
        message = f"the extension {_MODULE} in the database {server.database} is too old to be read: these are estimates"
        return Failure(Part.STATEMENTS, FailureCode.UNSUPPORTED, message, f"ALTER EXTENSION {_MODULE} UPDATE;", at)
    steps = []
    if not place.available:
        steps.append("install the server's package of contributed modules (postgresql-contrib)")
    if not place.loaded:
        if _MODULE not in (place.libraries or ()):
            steps.append(preload_statement(_MODULE, place.libraries))
        steps.append("restart the server")
    if place.version is None:
        steps.append(CREATE_EXTENSION)
    what = "not loaded by the server" if not place.loaded else f"not installed in the database {server.database}"
    message = f"{_MODULE} is {what}: these are estimates from what was seen running"
    return Failure(Part.STATEMENTS, FailureCode.MISSING, message, "; ".join(step.rstrip(";") for step in steps) + ";", at)

"""The documents of a saved collection as rows of the table that its profile has made of it; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

from aishell_core.engines import mongodb_elements as elements
from aishell_core.engines.mongodb_exact import line_of
from aishell_core.engines.mongodb_exact_reading import document_of
from aishell_ops.backups.engines.mongodb_export import Tally
from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.rows.engines.mongodb_moments import instant_text
from aishell_ops.backups.rows.engines.mongodb_profile import IDENTIFIER, WHOLE
from aishell_ops.backups.rows.model import Cell, Column, Kind, Row, Table

_LONGEST_LINE_BYTES = 128 << 20


class DocumentReader:
    """Reads lines of extended JSON; its hash is that of the documents, whatever becomes of them as rows."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._whole = any(column.declared == WHOLE for column in table.columns)
        self._places = {column.name.encode(): place for place, column in enumerate(table.columns)}
        self._ways = tuple(_way(column) for column in table.columns)
        self._tally = Tally()
        self._rest: list[bytes] = []
        self._rest_bytes = 0

    @property
    def content_hash(self) -> str:
        """The hash of all documents until now."""
        return self._tally.content_hash

    def feed(self, data: bytes) -> Iterator[Row]:
        """The documents whose lines are whole."""
        if b"\n" not in data:
            self._rest.append(data)
            self._rest_bytes += len(data)
            if self._rest_bytes > _LONGEST_LINE_BYTES:
                raise DamagedError(f"a line of {self._table.label} is longer than any document can be", "restore another backup")
            return
        *lines, rest = (b"".join(self._rest) + data).split(b"\n")
        self._rest, self._rest_bytes = [rest], len(rest)
        for line in lines:
            yield self._row(line)

    def end(self) -> Iterator[Row]:
        """Look whether the last line has an end."""
        if any(self._rest):
            raise DamagedError(f"the documents of {self._table.label} end too early", "restore another backup")
        return iter(())

    def _row(self, line: bytes) -> Row:
        try:
            document = document_of(line)
            self._tally.add(document)
            return self._of_whole(document) if self._whole else self._of_fields(document)
        except (ValueError, KeyError, IndexError) as error:
            raise DamagedError(f"document {self._tally.count} of {self._table.label} cannot be read: {error}") from error

    def _of_fields(self, document: bytes) -> Row:
        cells: list[Cell] = [None] * len(self._ways)
        for name, element in elements.elements_of(document):
            if element[0] != elements.NULL:
                place = self._places[name]
                cells[place] = self._ways[place](element)
        return tuple(cells)

    def _of_whole(self, document: bytes) -> Row:
        return self._identifier(document), line_of(document, plain=True).decode()

    def _identifier(self, document: bytes) -> Cell:
        try:
            found = next((element for name, element in elements.elements_of(document) if name == IDENTIFIER.encode()), None)
        except ValueError:
            return None
        return None if found is None or found[0] == elements.NULL else self._ways[0](found)


def _way(column: Column) -> Callable[[bytes], Cell]:
    """What turns the elements of a column into its values."""
    match column.kind:
        case Kind.JSON:
            return elements.json_of
        case Kind.INSTANT:
            return lambda element: instant_text(elements.number_of(element))
        case Kind.UUID:
            return lambda element: str(UUID(bytes=elements.bytes_of(element)))
        case Kind.FLOAT:
            return lambda element: float(elements.READERS[element[0]](element))
    return lambda element: elements.READERS[element[0]](element)

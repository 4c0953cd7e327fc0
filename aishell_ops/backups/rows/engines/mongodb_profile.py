"""Which table the documents of a collection are, seen from all of them while they are saved; pure.

A field on the top is a column where all documents agree on its type, or on types that one kind of column holds exactly; a field of
several types, and what is nested, is JSON. Documents that are no rows at all are one JSON each, beside their identifier.
"""

from __future__ import annotations

from aishell_core.engines import mongodb_elements as elements
from aishell_ops.backups.engines.mongodb_contents import Collection
from aishell_ops.backups.rows.model import Column, Kind, Table

FAMILY = "mongodb"
FORM = "documents"
"""The word for the form of these rows, of which `mongodb_reading` knows."""
WHOLE = "document"
"""The declared type of a column that holds whole documents."""
IDENTIFIER = "_id"
_MOST_COLUMNS = 150
"""Every engine takes a table of so many columns, whatever is in them."""
_SAFE = 2**53
"""Up to here a double has every whole number."""
_NULL, _MANY = "null", "large long"
_WORDS = {
    0x01: "double",
    0x02: "string",
    0x03: "object",
    0x04: "array",
    0x06: "undefined",
    0x07: "objectId",
    0x08: "bool",
    0x09: "date",
    0x0A: _NULL,
    0x0B: "regex",
    0x0C: "dbPointer",
    0x0D: "javascript",
    0x0E: "symbol",
    0x0F: "javascriptWithScope",
    0x10: "int",
    0x11: "timestamp",
    0x12: "long",
    0x13: "decimal",
    0x7F: "maxKey",
    0xFF: "minKey",
}
"""What MongoDB itself calls the types."""
_ALONE = {
    "double": Kind.FLOAT,
    "string": Kind.TEXT,
    "objectId": Kind.TEXT,
    "bool": Kind.BOOLEAN,
    "date": Kind.INSTANT,
    "int": Kind.INTEGER,
    "long": Kind.INTEGER,
    _MANY: Kind.INTEGER,
    "decimal": Kind.DECIMAL,
    "binData": Kind.BYTES,
    "uuid": Kind.UUID,
}
"""The kind of a column in which all values have one type; every other is JSON."""
_IDENTIFIER_SIGNS = 24


class _Field:
    """What was seen of one field: its place among the others, how often it has which type, the last document that has it."""

    __slots__ = ("last", "place", "seen", "types")

    def __init__(self, place: int) -> None:
        self.place = place
        self.types: dict[str, int] = {}
        self.seen = 0
        self.last = 0


class Profile:
    """Looks at the documents of a collection as they pass."""

    def __init__(self) -> None:
        self._fields: dict[bytes, _Field] = {}
        self._documents = 0
        self._disordered = 0
        self._whole = ""

    def add(self, document: bytes) -> None:
        """One more."""
        self._documents += 1
        before, disordered = -1, False
        try:
            for name, element in elements.elements_of(document):
                if self._whole and name != IDENTIFIER.encode():
                    continue
                field = self._fields.get(name) or self._new(name)
                if field is None:
                    continue
                if field.last == self._documents:
                    self._whole = self._whole or "a name stands twice in one"
                    continue
                self._note(field, element)
                disordered |= field.place < before
                before = field.place
        except ValueError:
            self._whole = self._whole or "one has another form"
        self._disordered += disordered

    def _new(self, name: bytes) -> _Field | None:
        """A field that was not seen before; None where there are too many, or it has no proper name."""
        own = name == IDENTIFIER.encode()
        if not own and len(self._fields) >= _MOST_COLUMNS:
            self._whole = self._whole or f"they have more than {_MOST_COLUMNS} different fields"
        elif not own and not _is_text(name):
            self._whole = self._whole or "a field's name is no text"
        if self._whole and not own:
            return None
        return self._fields.setdefault(name, _Field(len(self._fields)))

    def _note(self, field: _Field, element: bytes) -> None:
        word = _word(element)
        field.types[word] = field.types.get(word, 0) + 1
        field.seen += 1
        field.last = self._documents

    def table(self, collection: Collection) -> Table:
        """The collection as a table."""
        own = self._fields.get(IDENTIFIER.encode())
        identifier = self._column(IDENTIFIER, own) if own is not None else Column(IDENTIFIER, Kind.TEXT, "objectId", bool(self._documents))
        missing: list[tuple[str, str]] = []
        if self._whole:
            told = f"each as extended JSON, because {self._whole}"
            columns: tuple[Column, ...] = (identifier, Column("document", Kind.JSON, WHOLE, nullable=False, told=told))
        else:
            others = {name: field for name, field in self._fields.items() if name != IDENTIFIER.encode()}
            columns = (identifier, *(self._column(name.decode(), field) for name, field in others.items()))
            missing = [untold for name, field in others.items() if (untold := self._untold(name.decode(), field))]
            missing += [("order of fields", f"it is another one in {self._disordered} documents")] if self._disordered else []
        key = (IDENTIFIER,) if not identifier.nullable and identifier.kind is not Kind.JSON else ()
        return Table(collection.name, columns, "", key, tied=_tied(collection), missing=tuple(missing))

    def _column(self, name: str, field: _Field) -> Column:
        types = {word for word in field.types if word != _NULL}
        kind, told = _kind_of(types)
        absent = self._documents - field.seen
        words = [told] if told else []
        words += [f"NULL in {absent} documents without it"] if absent else []
        return Column(
            name,
            kind,
            " or ".join(sorted({"long" if word == _MANY else word for word in types})) or _NULL,
            nullable=bool(absent or _NULL in field.types),
            bits=32 if types == {"int"} else 64,
            length=_IDENTIFIER_SIGNS if types == {"objectId"} else None,
            fixed=types == {"objectId"},
            told="; ".join(words),
        )

    def _untold(self, name: str, field: _Field) -> tuple[str, str] | None:
        """What cannot be told any more of a field: where it was null, and where it was not there."""
        nulls, absent = field.types.get(_NULL, 0), self._documents - field.seen
        if not nulls or not absent:
            return None
        return f"null in {name}", f"{nulls} documents have it and {absent} have no such field, which is NULL alike"


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _word(element: bytes) -> str:
    """The name of a value's type, as far as it decides on a column."""
    kind = element[0]
    if kind == elements.BINARY:
        if elements.is_uuid(element):
            return "uuid"
        subtype = elements.subtype_of(element)
        return f"binData {subtype}" if subtype else "binData"
    if kind == elements.LONG:
        return "long" if -_SAFE <= elements.number_of(element) <= _SAFE else _MANY
    return _WORDS[kind]


def _kind_of(types: set[str]) -> tuple[Kind, str]:
    """The kind of a column with values of these types, and in words how they are told by it."""
    if not types:
        return Kind.TEXT, "nothing but NULL"
    if len(types) == 1:
        (word,) = types
        kind = _ALONE.get(word, Kind.JSON)
        return kind, "as extended JSON" if kind is Kind.JSON else "as 24 hexadecimal digits" if word == "objectId" else ""
    if types <= {"int", "long", _MANY}:
        return Kind.INTEGER, "" if types == {"long", _MANY} else "all with 64 bits"
    if types <= {"int", "long", "double"}:
        return Kind.FLOAT, "all as double"
    return Kind.JSON, "each value as extended JSON"


def _tied(collection: Collection) -> tuple[str, ...]:
    """What only MongoDB gets with the documents."""
    found = [f"index {index.get('name', '')}" for index in collection.indexes]
    found += [f"option {name}" for name in collection.options]
    return tuple(found)

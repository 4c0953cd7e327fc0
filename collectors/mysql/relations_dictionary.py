"""What InnoDB's dictionary says of tables and indexes, brought together from its separate lists: no reading here."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Rows = Sequence[Mapping[str, Any]]
TableName = tuple[str, str]
"""Schema and table."""

# Bits and values of INNODB_SYS_INDEXES.TYPE: https://mariadb.com/kb/en/information-schema-innodb_sys_indexes-table/
_CLUSTERED, _UNIQUE, _FULL_TEXT, _SPATIAL = 1, 2, 32, 64
_HIDDEN_INDEXES = frozenset({"GEN_CLUST_INDEX", "FTS_DOC_ID_INDEX"})
_FULL_TEXT_TABLE = re.compile(r"FTS_([0-9a-f]{16})_", re.IGNORECASE)
_PARTITION = re.compile(r"#p#", re.IGNORECASE)
_ENCODED = re.compile(r"@([0-9a-f]{4})")


@dataclass(frozen=True, slots=True)
class IndexPart:
    """One column of an index: how much of it is held ("" for all) and in which direction."""

    name: str
    prefix: str = ""
    direction: str = "A"


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `parts` are None where only the names of its columns are known. Figures are sums over partitions."""

    id: int
    name: str
    columns: tuple[str, ...]
    primary: bool = False
    unique: bool = False
    method: str = "B-tree"
    pages: float | None = None
    uses: float | None = None
    parts: tuple[IndexPart, ...] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the sums over its partitions; what is not known is None.

    `file_bytes` are those of its own files, with those of its full-text indexes. `next_number` is the one that its
    AUTO_INCREMENT column gives next.
    """

    schema: str
    name: str
    ids: tuple[int, ...]
    page_bytes: float
    partitions: int = 0
    file_bytes: float | None = None
    rows: float | None = None
    data_pages: float | None = None
    index_pages: float | None = None
    next_number: int | None = None
    row_format: str = ""
    analyzed_at: float | None = None
    fetched_without_index: float | None = None
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[tuple[str, ...], ...] = ()
    number_columns: Mapping[str, tuple[int, bool]] = field(default_factory=dict)
    """Bytes and whether there is no sign, of the columns that hold whole numbers."""

    @property
    def key(self) -> TableName:
        """Schema and name."""
        return self.schema, self.name


@dataclass(frozen=True, slots=True)
class Lists:
    """The server's lists as they were read; an empty one where it was not read or is refused."""

    tablespaces: Rows = ()
    tables: Rows = ()
    figures: Rows = ()
    indexes: Rows = ()
    fields: Rows = ()
    foreign_keys: Rows = ()
    numbers: Rows = ()
    pages: Rows = ()
    uses: Rows | None = None
    """None where uses are not counted."""

    parts: Mapping[TableName, Mapping[str, tuple[IndexPart, ...]]] = field(default_factory=dict)


def tables_of(lists: Lists, default_page_bytes: float = 16_384.0) -> tuple[Table, ...]:
    """The tables with their indexes, partitions and the parts of full-text indexes added to the table that they belong to."""
    files = {row["space"]: row for row in lists.tablespaces}
    rows = [_named_by_file(row, files.get(row["space"])) for row in lists.tables]
    by_table: dict[TableName, list[Mapping[str, Any]]] = defaultdict(list)
    full_text: dict[int, float] = defaultdict(float)
    for row in rows:
        hidden = _FULL_TEXT_TABLE.match(str(row["name"]))
        if hidden is not None:
            full_text[int(hidden[1], 16)] += float(files.get(row["space"], {}).get("file_bytes") or 0.0)
        elif row["name"]:  # what has no name is the copy that a change of a table works on
            by_table[(decoded(str(row["schema_name"])), decoded(str(row["name"])))].append(row)
    about = _About(lists)
    return tuple(_table(key, rows, files, full_text, about, default_page_bytes) for key, rows in by_table.items())


def _named_by_file(row: Mapping[str, Any], file: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A table by the name of its own file where that is written as people do, as MySQL's are and not those of its dictionary."""
    if file is None or not file.get("name"):
        return row
    return {**row, **{key: file[key] for key in ("schema_name", "name", "piece")}}


def decoded(name: str) -> str:
    """A name as people write it: signs other than letters and digits stand in file names as `@` and four hexadecimal digits."""
    return _ENCODED.sub(lambda found: chr(int(found[1], 16)), name)


class _About:
    """The lists, by what they are looked up with."""

    def __init__(self, lists: Lists) -> None:
        self.figures = {row["id"]: row for row in lists.figures}
        self.indexes = _grouped(lists.indexes, lambda row: row["table_id"])
        self.fields = _grouped(lists.fields, lambda row: int(row["index_id"]))
        self.numbers = _grouped(lists.numbers, lambda row: row["table_id"])
        self.pages = _grouped(lists.pages, lambda row: (str(row["schema_name"]), _whole(str(row["name"]))))
        self.counts_uses = lists.uses is not None
        self.uses = _grouped(lists.uses or (), lambda row: (str(row["schema_name"]), str(row["name"])))
        self.parts = lists.parts
        self.foreign: dict[TableName, list[tuple[str, ...]]] = defaultdict(list)
        for columns in _grouped(lists.foreign_keys, lambda row: row["id"]).values():
            schema, _, name = str(columns[0]["full_name"]).partition("/")
            ordered = sorted(columns, key=lambda row: row["position"])
            self.foreign[(decoded(schema), decoded(name))].append(tuple(str(row["name"]) for row in ordered))


def _grouped(rows: Rows, key: Callable[[Mapping[str, Any]], Hashable]) -> dict[Any, list[Mapping[str, Any]]]:
    found: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def _whole(name: str) -> str:
    """The table that a partition belongs to."""
    return _PARTITION.split(name)[0]


def _table(
    key: TableName,
    rows: list[Mapping[str, Any]],
    files: Mapping[Any, Mapping[str, Any]],
    full_text: Mapping[int, float],
    about: _About,
    default_page_bytes: float,
) -> Table:
    ids = tuple(int(row["id"]) for row in rows)
    own = [files[row["space"]] for row in rows if row["space"] in files]
    sizes = [float(each["file_bytes"] or 0.0) for each in own]
    figures = [about.figures[each] for each in ids if each in about.figures]
    counted = figures if len(figures) == len(ids) and all(each["counted"] for each in figures) else []
    numbers = [int(each["next_number"]) for each in figures if each["next_number"]]
    pages = about.pages.get(key, [])
    uses = about.uses.get(key)
    without = [float(row["fetched"]) for row in uses or () if row["index_name"] is None and row.get("fetched") is not None]
    indexes = _indexes(key, ids, about)
    return Table(
        *key,
        ids=ids,
        page_bytes=float(own[0]["page_bytes"]) if own else default_page_bytes,
        partitions=len(rows) if _PARTITION.match(str(rows[0]["piece"])) else 0,
        # A server that cannot find a file, because of its name, tells 0: no file is empty.
        file_bytes=sum(sizes) + sum(full_text.get(each, 0.0) for each in ids) if sizes and all(sizes) else None,
        rows=_sum(counted, "row_count"),
        data_pages=_sum(counted, "data_pages"),
        index_pages=_index_pages(_sum(counted, "index_pages"), indexes, pages),
        next_number=max(numbers) if numbers else None,
        row_format=str(rows[0]["row_format"] or "").lower(),
        analyzed_at=min((float(row["analyzed_at"]) for row in pages if row["analyzed_at"] is not None), default=None),
        fetched_without_index=without[0] if without else None,
        indexes=indexes,
        foreign_keys=tuple(about.foreign.get(key, ())),
        number_columns={str(row["name"]): (int(row["bytes"]), bool(row["no_sign"])) for row in about.numbers.get(ids[0], ())},
    )


def _index_pages(told: float | None, indexes: Sequence[Index], pages: Rows) -> float | None:
    """The pages of all secondary indexes: `told` is the table's own figure, into which MySQL takes a new index at the next analysis only.

    Each index has its own from the moment when it is made; those of all of them are better, where no index lacks any.
    """
    clustered = {"GEN_CLUST_INDEX", *(index.name for index in indexes if index.primary)}
    each = [float(row["pages"] or 0.0) for row in pages if str(row["index_name"]) not in clustered]
    if not each or any(index.pages is None for index in indexes if not index.primary and index.method == "B-tree"):
        return told
    return sum(each)


def _sum(rows: Iterable[Mapping[str, Any]], name: str) -> float | None:
    values = [float(row[name]) for row in rows if row[name] is not None]
    return sum(values) if values else None


def _indexes(key: TableName, ids: tuple[int, ...], about: _About) -> tuple[Index, ...]:
    """The indexes of the first partition stand for those of all."""
    uses = {str(row["index_name"]): float(row["uses"] or 0.0) for row in about.uses.get(key, ()) if row["index_name"] is not None}
    pages: dict[str, float] = defaultdict(float)
    for row in about.pages.get(key, ()):
        pages[str(row["index_name"])] += float(row["pages"] or 0.0)
    parts = about.parts.get(key, {})
    return tuple(
        _index(row, about, pages.get(str(row["name"])), _uses(str(row["name"]), uses, about), parts.get(str(row["name"])))
        for row in about.indexes.get(ids[0], ())
        if str(row["name"]) not in _HIDDEN_INDEXES
    )


def _uses(name: str, uses: Mapping[str, float], about: _About) -> float | None:
    """How often an index was used: unknown for a table that nobody has opened since the server counts."""
    return uses.get(name) if about.counts_uses else None


def _index(row: Mapping[str, Any], about: _About, pages: float | None, uses: float | None, parts: tuple[IndexPart, ...] | None) -> Index:
    kind, wanted = int(row["kind"]), int(row["field_count"])
    columns = tuple(str(each["name"]) for each in about.fields.get(int(row["id"]), ()))
    method = "full text" if kind & _FULL_TEXT else "spatial" if kind & _SPATIAL else "B-tree"
    return Index(
        int(row["id"]),
        str(row["name"]),
        columns[:wanted] if wanted else columns,
        primary=bool(kind & _CLUSTERED),
        unique=bool(kind & (_CLUSTERED | _UNIQUE)),
        method=method,
        pages=pages,
        uses=uses,
        parts=parts,
    )

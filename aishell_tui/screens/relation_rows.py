"""Tables and indexes as table rows, with findings in words. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

from aishell_core.units import format_bytes, format_count, format_duration
from aishell_core.values import Ability, Part, Relation
from aishell_tui.frame import TargetView
from aishell_tui.part_ages import stale_text
from aishell_tui.screens.fields import field_lines
from aishell_tui.screens.lazy_cells import LazyCells
from aishell_tui.text import why_unknown
from widgets.format import wrap
from widgets.heading import Heading
from widgets.lines import Span, Spans
from widgets.table_model import Cell, Column, Row

MOST_ROWS = 1000
"""So many relations are put into the table: the largest; thousands more would only slow the keys down."""

COLUMNS: tuple[Column, ...] = (
    Column("name", "NAME", None, 20, help="The table or index"),
    Column("kind", "KIND", 10, help="Table, index, or what the engine has in their place"),
    Column("table", "TABLE", 18, priority=3, help="The table that an index belongs to"),
    Column("size_bytes", "SIZE", 9, align="right", help="Bytes on disk, without indexes; ~ estimated from a part"),
    Column("index_bytes", "INDEXES", 9, align="right", priority=4, help="Bytes of the indexes of a table"),
    Column("free_bytes", "UNUSED", 9, align="right", priority=1, help="Bytes inside its pages that hold nothing"),
    Column("rows", "ROWS", 7, align="right", help="Rows, as last counted or estimated; ~ from a part"),
    Column("dead_rows", "DEAD", 7, align="right", priority=8, help="Row versions that vacuum has still to remove"),
    Column("dead_share", "DEAD%", 6, align="right", help="Their share of all row versions"),
    Column(
        "scans", "SCANS", 7, align="right", priority=2, help="Full reads of a table, or uses of an index, since the server began to count"
    ),
    Column("index_scans", "BY INDEX", 8, align="right", priority=6, help="Reads of a table by one of its indexes"),
    Column("bloat_bytes", "BLOAT", 9, align="right", priority=5, help="What a rewrite would give back, as estimated"),
    Column("vacuumed", "VACUUM", 7, align="right", priority=3, help="How long ago it was vacuumed"),
    Column("analyzed", "ANALYZE", 7, align="right", priority=7, help="How long ago its statistics were made"),
)
_ALWAYS = {"name", "size_bytes", "rows"}
_OF_FIELDS = ("index_bytes", "free_bytes", "dead_rows", "scans", "index_scans", "bloat_bytes")
_MANY_DEAD, _DEAD_SHARE = 10_000.0, 0.1
_MUCH_BLOAT, _BLOAT_SHARE = 100 * 2.0**20, 0.5
_NONE = Cell("–", "dim", math.nan)
_ABOUT = "~"


class RelationMode(StrEnum):
    """Which relations are listed; the value is the word on the screen."""

    ALL = "tables and indexes"
    TABLES = "tables"
    INDEXES = "indexes"
    FINDINGS = "findings"


def first_mode(relations: Iterable[Relation]) -> RelationMode:
    """What is shown at first: where there are schemas there are too many indexes to have them among the tables."""
    return RelationMode.TABLES if any(each.schema for each in relations) else RelationMode.ALL


def has_lists(relations: Iterable[Relation]) -> bool:
    """Whether there are tables and indexes, or what an engine has in their place, to be listed by themselves."""
    return any(each.kind in {"table", "index"} or each.schema for each in relations)


def tables_word(relations: Iterable[Relation]) -> str:
    """What the engine calls its tables: collections, where it has those."""
    kinds = {each.kind for each in relations}
    return "collections" if "collection" in kinds and "table" not in kinds else "tables"


def full_name(relation: Relation) -> str:
    """The name with its schema, which is left out where it says nothing."""
    return f"{relation.schema}.{relation.name}" if relation.schema and relation.schema != "public" else relation.name


def dead_share(relation: Relation) -> float | None:
    """The share of row versions that are dead; None where either number is not known or there are none."""
    if relation.dead_rows is None or relation.rows is None or relation.dead_rows + relation.rows <= 0:
        return None
    return relation.dead_rows / (relation.dead_rows + relation.rows)


def _has_many_dead(relation: Relation) -> bool:
    return (relation.dead_rows or 0.0) >= _MANY_DEAD and (dead_share(relation) or 0.0) >= _DEAD_SHARE


def _has_much_bloat(relation: Relation) -> bool:
    bloat, size = relation.bloat_bytes or 0.0, relation.size_bytes or 0.0
    return bloat >= _MUCH_BLOAT and bloat >= _BLOAT_SHARE * size


def findings(relation: Relation) -> tuple[str, ...]:
    """What there is to say against a relation in words: what the engine's figures tell, then dead rows and bloat."""
    found = list(relation.remarks)
    if _has_many_dead(relation):
        found.append(f"{(dead_share(relation) or 0.0):.0%} of its row versions are dead")
    if _has_much_bloat(relation):
        found.append(f"a rewrite would give back about {format_bytes(relation.bloat_bytes or 0.0)}")
    return tuple(found)


def _belongs(relation: Relation, mode: RelationMode) -> bool:
    match mode:
        case RelationMode.ALL:
            return True
        case RelationMode.TABLES:
            return relation.kind != "index"
        case RelationMode.INDEXES:
            return relation.kind == "index"
        case RelationMode.FINDINGS:
            return bool(findings(relation))


def of_mode(relations: Iterable[Relation], mode: RelationMode) -> tuple[Relation, ...]:
    """All relations of a mode, the largest first."""
    return tuple(sorted([each for each in relations if _belongs(each, mode)], key=lambda each: -(each.size_bytes or 0.0)))


def relation_words(relation: Relation) -> Sequence[str]:
    """What a filter looks at before a row is made of a relation, and after."""
    return full_name(relation), relation.kind, relation.table, "; ".join(findings(relation))


def known_columns(relations: Iterable[Relation], mode: RelationMode) -> tuple[Column, ...]:
    """The columns for which there are figures in this mode."""
    known = set(_ALWAYS)
    kinds: set[str] = set()
    for each in relations:
        kinds.add(each.kind)
        known.update(name for name in _OF_FIELDS if name not in known and getattr(each, name) is not None)
        if each.last_vacuum_at is not None:
            known.add("vacuumed")
        if each.last_analyze_at is not None:
            known.add("analyzed")
    if "dead_rows" in known:
        known.add("dead_share")
    if mode in {RelationMode.ALL, RelationMode.FINDINGS} or len(kinds) > 1:
        known.add("kind")
    if "index" in kinds:
        known.add("table")
    return tuple(column for column in COLUMNS if column.key in known)


def _bytes(value: float | None, *, bad: bool = False, about: str = "") -> Cell:
    return _NONE if value is None else Cell(about + format_bytes(value), "warning" if bad else "text", value)


def _count(value: float | None, about: str = "") -> Cell:
    return _NONE if value is None else Cell(about + format_count(value), "text", value)


def _about(relation: Relation, name: str) -> str:
    """The sign of a figure that follows from a part of what it is about."""
    return _ABOUT if name in relation.estimated else ""


def _age(moment: float | None, now: float) -> Cell:
    if moment is None:
        return _NONE
    seconds = max(0.0, now - moment)
    return Cell(format_duration(round(seconds)), "text", seconds)


def _dead_share(relation: Relation) -> Cell:
    share = dead_share(relation)
    return _NONE if share is None else Cell(f"{share:.0%}", "warning" if _has_many_dead(relation) else "text", share)


_At = tuple[Relation, float]
"""A relation, and the epoch second as of which ages are told."""

_CELLS: Mapping[str, Callable[[_At], Cell]] = {
    "name": lambda at: Cell(full_name(at[0]), "bold"),
    "kind": lambda at: Cell(at[0].kind, "label"),
    "table": lambda at: Cell(at[0].table, "dim"),
    "size_bytes": lambda at: _bytes(at[0].size_bytes, about=_about(at[0], "size_bytes")),
    "index_bytes": lambda at: _bytes(at[0].index_bytes),
    "free_bytes": lambda at: _bytes(at[0].free_bytes),
    "rows": lambda at: _count(at[0].rows, _about(at[0], "rows")),
    "dead_rows": lambda at: _count(at[0].dead_rows),
    "dead_share": lambda at: _dead_share(at[0]),
    "scans": lambda at: _count(at[0].scans),
    "index_scans": lambda at: _count(at[0].index_scans),
    "bloat_bytes": lambda at: _bytes(at[0].bloat_bytes, bad=_has_much_bloat(at[0])),
    "vacuumed": lambda at: _age(at[0].last_vacuum_at, at[1]),
    "analyzed": lambda at: _age(at[0].last_analyze_at, at[1]),
}


class RelationTableRow(Row):
    """A relation's row."""

    __slots__ = ()
    cells: LazyCells[_At]

    def texts(self) -> Sequence[str]:
        """What a filter and a search look at: names and findings, not figures."""
        return relation_words(self.cells.thing[0])


def relation_row(relation: Relation, now: float) -> Row:
    """One table or index as a row, with what there is to say against it under it."""
    remarks = findings(relation)
    return RelationTableRow(
        f"{relation.kind}/{relation.schema}/{relation.table}/{relation.name}",
        LazyCells((relation, now), _CELLS),
        note=(("; ".join(remarks), "warning"),) if remarks else (),
    )


def relations_heading(view: TargetView, mode: RelationMode, shown: int, total: int, now: float) -> Heading:
    """The pane's title: what is listed and how much of it, and how fresh it is."""
    detail: list[Span] = []
    if total > shown:
        detail.append((f"the largest {shown:,} of {total:,}   ", "label"))
    lists, named = view.relations is None or has_lists(view.relations), tables_word(view.relations or ())
    if lists:
        detail.append((f"t: {named}, indexes, findings", "dim"))
    title = named if mode is RelationMode.TABLES else str(mode) if mode is not RelationMode.ALL or lists else "what it holds"
    read_at = view.part_at.get(Part.RELATIONS)
    fresh = f"{format_duration(round(max(0.0, now - read_at)))} old" if read_at is not None else ""
    return Heading(title, tuple(detail), fresh, stale_text(view, (Part.RELATIONS,), now))


def why_empty(view: TargetView, mode: RelationMode) -> str:
    """Why there are no rows: what could not be read and what to do, or that there is nothing of the sort."""
    failure = view.failure_of(Part.RELATIONS) or view.target_failure
    if failure is not None and not view.relations:
        return why_unknown(failure)
    if view.relations is None:
        return "n/a: this engine has no tables or indexes" if view.lacks(Ability.RELATIONS) else "reading …"
    return (
        "nothing to say against any table or index"
        if mode is RelationMode.FINDINGS and view.relations
        else f"no {tables_word(view.relations) if mode is RelationMode.TABLES else mode}"
    )


def detail_lines(view: TargetView, relation: Relation | None, width: int) -> tuple[Spans, ...]:
    """What else is known of the relation under the cursor, and what could not be read of all of them."""
    lines: list[Spans] = []
    if relation is not None and relation.details:
        lines += field_lines((("", relation.name), *relation.details), width)
    if view.relations:
        told = (
            text
            for each in view.failures
            if each.part in {Part.RELATIONS, "bloat", "dead_rows"}
            for text in (each.message, each.hint)
            if text
        )
        lines += [((f" {line}", "warning"),) for text in told for line in wrap(text, max(20, width - 2))]
    return tuple(lines)

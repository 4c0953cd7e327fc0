"""Tables and indexes with their sizes, as values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aishell_core.engines.oracle import Row, ServerFacts
from aishell_core.values import Relation

Uses = Mapping[tuple[str, str], float]
"""How often an index was used, by owner and name."""


def uses_of(rows: Iterable[Row]) -> Uses:
    """The rows of `index_uses` by owner and name."""
    return {(str(row["owner"]), str(row["name"])): float(row["uses"] or 0.0) for row in rows}


def relations_of(rows: Iterable[Row], uses: Uses | None, server: ServerFacts) -> tuple[Relation, ...]:
    """The largest segments; of a table the sizes of its indexes among them are told too. `uses` are None where not known."""
    rows = tuple(rows)
    indexed: dict[tuple[str, str], float] = {}
    for row in rows:
        if row["kind"] == "index" and row["table_name"]:
            key = (str(row["owner"]), str(row["table_name"]))
            indexed[key] = indexed.get(key, 0.0) + float(row["bytes"] or 0.0)
    return tuple(_relation(row, indexed, uses, server) for row in rows)


def _relation(row: Row, indexed: Mapping[tuple[str, str], float], uses: Uses | None, server: ServerFacts) -> Relation:
    owner, name, kind = str(row["owner"]), str(row["name"]), str(row["kind"])
    parts = int(row["parts"] or 1)
    details = (("segments", str(parts)),) if parts > 1 else ()
    if row["column_name"]:
        details = (*details, ("column", str(row["column_name"])))
    return Relation(
        name=name,
        kind=kind,
        table=str(row["table_name"] or ""),
        size_bytes=None if row["bytes"] is None else float(row["bytes"]),
        rows=None if row["num_rows"] is None else float(row["num_rows"]),
        details=details,
        schema=owner,
        index_bytes=indexed.get((owner, name), 0.0) if kind == "table" else None,
        scans=uses.get((owner, name), 0.0) if kind == "index" and uses is not None else None,
        last_analyze_at=server.epoch(row["analyzed_local"]),
        remarks=_remarks(row, uses),
    )


def _remarks(row: Row, uses: Uses | None) -> tuple[str, ...]:
    found = []
    if row["index_status"] == "UNUSABLE":
        found.append("unusable: ALTER INDEX … REBUILD")
    if row["index_visibility"] == "INVISIBLE":
        found.append("invisible to the optimizer")
    if (
        row["kind"] == "index"
        and uses is not None
        and not uses.get((str(row["owner"]), str(row["name"])))
        and row["uniqueness"] != "UNIQUE"
    ):
        found.append("unused")
    if row["kind"] == "table" and row["analyzed_local"] is None:
        found.append("never analyzed")
    return tuple(found)

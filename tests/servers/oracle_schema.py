"""A schema of Oracle in memory for tests: what its columns keep of values, and what the views of the dictionary show of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

from aishell_core.engines.oracle_wire import Binds, Row, ServerError
from aishell_ops.backups.rows.engines import oracle_catalog as catalog
from aishell_ops.backups.rows.engines import oracle_place as place_sql
from aishell_ops.backups.rows.engines import oracle_staging as staging_sql

_SIZED = re.compile(r"(\w+(?: RAW)?)\((\*|\d+)(?:,(-?\d+))?(?: (?:CHAR|BYTE))?\)")
_EXACT = Context(prec=300)


def ora(number: int, words: str = "said") -> ServerError:
    """An error of the server."""
    return ServerError(number, f"ORA-{number:05}", f"ORA-{number:05}: {words}")


@dataclass
class Col:
    """A column; `extra` are further columns of ALL_TAB_COLS."""

    name: str
    type: str
    nullable: bool = True
    extra: dict[str, Any] = field(default_factory=dict)

    def row(self, table: str) -> Row:
        """Its row in ALL_TAB_COLS."""
        found = _SIZED.fullmatch(self.type)
        name = (
            found[1]
            if found is not None and found[1] in {"VARCHAR2", "CHAR", "NVARCHAR2", "NCHAR", "NUMBER", "FLOAT", "RAW"}
            else self.type
        )
        size = None if found is None or found[2] == "*" else int(found[2])
        texts = name in {"VARCHAR2", "CHAR", "NVARCHAR2", "NCHAR"}
        counts = None if not texts else "B" if self.type.endswith("BYTE)") else "C"
        row = {
            "tab": table, "name": self.name, "type": name, "type_owner": None, "bytes": size if counts != "C" else 4 * (size or 0),
            "digits": size if name in {"NUMBER", "FLOAT"} else None,
            "scale": int(found[3]) if found is not None and found[3] is not None else None,
            "nullable": "Y" if self.nullable else "N", "signs": size if texts else 0, "counts": counts, "is_virtual": "NO",
            "is_hidden": "NO",
            "is_identity": "NO", "default_signs": None,
        }  # fmt: skip
        return {**row, **self.extra}

    def kept(self, value: Any) -> Any:
        """What the server keeps of a value; raises ServerError."""
        base = self.type.partition("(")[0]
        found = _SIZED.fullmatch(self.type)
        if value is None or (value in ("", b"") and base not in {"CLOB", "NCLOB", "BLOB"}):
            if not self.nullable:
                raise ora(1400, f"cannot insert NULL into ({self.name})")
            return None
        if base in {"VARCHAR2", "NVARCHAR2", "CHAR", "NCHAR"} and found is not None:
            size = len(value.encode()) if self.type.endswith("BYTE)") else len(value)
            if size > int(found[2]):
                raise ora(12899, f"value too large for column {self.name}")
            return value.ljust(int(found[2])) if "CHAR" in (base, base[1:]) else value
        if base == "NUMBER" and found is not None and found[3] is not None:
            return _EXACT.quantize(value, Decimal(1).scaleb(-int(found[3])))
        if leading := re.match(r"INTERVAL \w+\((\d)\)", self.type):
            return re.sub(r"(?<=[+-])\d+(?=[ -])", lambda digits: digits[0].lstrip("0").rjust(int(leading[1]), "0"), value, count=1)
        return value.strip() if base in {"DATE", "TIMESTAMP"} and isinstance(value, str) else value

    def shown(self, value: Any, expression: str) -> Any:
        """What a query brings of it."""
        if value is None or not isinstance(value, str) or not self.type.startswith(("DATE", "TIMESTAMP")):
            return value
        text = value if value.startswith("-") else f" {value}"
        return text[:11] if "HH24" not in expression else text


@dataclass
class Tab:
    """A table; `rows` are values by their columns' names, `extra` further columns of ALL_TABLES."""

    name: str
    columns: list[Col]
    rows: list[dict[str, Any]] = field(default_factory=list)
    key: tuple[str, ...] = ()
    id: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Attached:
    """What the dictionary shows of a schema beside its tables, as rows of the statements that ask for it."""

    constraints: list[Row] = field(default_factory=list)
    indexes: list[Row] = field(default_factory=list)
    triggers: list[Row] = field(default_factory=list)
    objects: list[Row] = field(default_factory=list)
    referrers: list[Row] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    hidden: list[str] | None = None
    grants: int = 0


_USUAL: Mapping[str, Any] = {
    "is_temporary": "N", "is_secondary": "N", "is_nested": "NO", "organization": None, "is_external": "NO", "is_hybrid": "NO",
    "is_partitioned": "NO", "is_dropped": "NO", "row_count": 3, "row_bytes": 100,
}  # fmt: skip


def dictionary(tables: Sequence[Tab], attached: Attached, sql: str, binds: Binds) -> list[Row]:
    """What a view of the dictionary shows of a schema."""
    plain = [{"kind": "table", "name": table.name, "id": table.id} for table in tables]
    if sql == staging_sql.LEFTOVERS:
        begin = str(binds["prefix"]).replace("!_", "_").removesuffix("%")
        return [{"name": table.name} for table in tables if table.name.startswith(begin)]
    if sql == staging_sql.BY_ID:
        return [{"name": table.name} for table in tables if table.id == binds["id"]]
    if sql == staging_sql.ID_OF:
        return [{"id": table.id} for table in tables if table.name == binds["name"]]
    if sql == catalog.HIDDEN:
        if attached.hidden is None:
            raise ora(942, "table or view does not exist")
        return [{"name": name} for name in attached.hidden]
    if sql == catalog.GRANTS:
        return [{"found": attached.grants}]
    keyed = [table for table in tables if table.key]
    primary: list[Row] = [
        {"tab": table.name, "name": f"PK_{table.name}", "kind": "P", "condition": None, "other_owner": None, "other": None}
        for table in keyed
    ]
    behind: list[Row] = [{"tab": table.name, "name": f"PK_{table.name}"} for table in keyed]
    answers: dict[str, Sequence[Row]] = {
        catalog.TABLES: [{"name": table.name, **_USUAL, **table.extra} for table in tables if "objects" not in table.extra],
        catalog.COLUMNS: [column.row(table.name) for table in tables for column in table.columns],
        catalog.KEYS: [{"tab": table.name, "name": name} for table in tables for name in table.key],
        catalog.CONSTRAINTS: [*primary, *attached.constraints],
        catalog.INDEXES: [*behind, *attached.indexes],
        catalog.TRIGGERS: attached.triggers,
        catalog.MADE: [{"name": name} for name in attached.made],
        catalog.OBJECTS: [*plain, *attached.objects],
        catalog.POLICIES: [{"name": name} for name in attached.policies],
        place_sql.REFERRERS: attached.referrers,
    }
    return list(answers[sql])

"""Which kind the values of Oracle's columns are, how statements ask for them and take them, and how it keeps those of others; pure.

Format models and types: SQL Language Reference, "Data Types" and "Format Models". Moments and intervals travel as text, because the
driver's own values have neither nanoseconds nor zones nor years before our era.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from aishell_core.engines.oracle_wire import Bound
from aishell_ops.backups.rows.engines.oracle_intervals import days_of, days_text, months_of, months_text
from aishell_ops.backups.rows.fidelity import Fidelity, Shape
from aishell_ops.backups.rows.hashing import plain_instant, plain_number
from aishell_ops.backups.rows.json_form import text_back, text_of
from aishell_ops.backups.rows.model import Cell, Column, Kind, Raw, Table

_DAY = "SYYYY-MM-DD"
_SECOND = "SYYYY-MM-DD HH24:MI:SS"
_NANOSECOND = "SYYYY-MM-DD HH24:MI:SS.FF9"
_TEXTS = frozenset({"VARCHAR2", "NVARCHAR2", "CHAR", "NCHAR"})
_PLAIN: Mapping[str, tuple[Kind, int]] = {
    "BINARY_FLOAT": (Kind.FLOAT, 32),
    "BINARY_DOUBLE": (Kind.FLOAT, 64),
    "DATE": (Kind.TIMESTAMP, 64),
    "LONG": (Kind.TEXT, 64),
    "CLOB": (Kind.TEXT, 64),
    "NCLOB": (Kind.TEXT, 64),
    "BLOB": (Kind.BYTES, 64),
    "LONG RAW": (Kind.BYTES, 64),
    "BOOLEAN": (Kind.BOOLEAN, 64),
}
_LARGE = frozenset({"CLOB", "NCLOB", "BLOB"})
_MOST_DIGITS = 38
_KEY_SIGNS, _KEY_BYTES = 400, 1000
_SHORT_SIGNS = 1000
"""A VARCHAR2 of so many signs, at four bytes a sign, has a place in every database."""
_YEAR = re.compile(r"(\d{4})-\d\d-\d\d")
_ZONED = re.compile(r"(.*?)( BC)?(?:\[(.*)\])?", re.DOTALL)
_WHY_NOT = {
    "BFILE": "its value lies in a file outside of the database",
    "ROWID": "it names places of rows, which are others after a restore",
    "UROWID": "it names places of rows, which are others after a restore",
}
_NO_ROW_TYPE = "rows alone are saved, and this type has no form in them that comes back exactly"


def unsaved(row: Mapping[str, Any]) -> str:
    """Why the values of a column are not saved; "" for one that is."""
    name = str(row["type"])
    if row["type_owner"] is not None or not (name in _PLAIN or name in _TEXTS or name in {"NUMBER", "FLOAT", "RAW"} or _is_moment(name)):
        return f"{name}: {_WHY_NOT.get(name, _NO_ROW_TYPE)}"
    return ""


def _is_moment(name: str) -> bool:
    return name.startswith(("TIMESTAMP(", "INTERVAL DAY", "INTERVAL YEAR"))


def column_of(row: Mapping[str, Any]) -> Column:
    """A column by a row of ALL_TAB_COLS."""
    name, type_, nullable = str(row["name"]), str(row["type"]), row["nullable"] == "Y"
    if type_ == "NUMBER":
        return _number(name, _whole(row["digits"]), _whole(row["scale"]), nullable=nullable)
    if type_ == "FLOAT":
        return Column(name, Kind.DECIMAL, f"FLOAT({row['digits']})", nullable)
    if type_ in _TEXTS:
        length = int(row["signs"] or 0)
        counts = f" {'CHAR' if row['counts'] == 'C' else 'BYTE'}" if type_ in {"VARCHAR2", "CHAR"} else ""
        declared = f"{type_}({length if row['counts'] == 'C' else row['bytes']}{counts})"
        return Column(name, Kind.TEXT, declared, nullable, length=length or None, fixed=type_ in {"CHAR", "NCHAR"})
    if type_ == "RAW":
        return Column(name, Kind.BYTES, f"RAW({row['bytes']})", nullable, length=int(row["bytes"]))
    if type_.startswith("INTERVAL"):
        return Column(name, Kind.INTERVAL, type_, nullable)
    if type_.startswith("TIMESTAMP"):
        return Column(name, Kind.INSTANT if "ZONE" in type_ else Kind.TIMESTAMP, type_, nullable)
    kind, bits = _PLAIN[type_]
    return Column(name, kind, type_, nullable, bits)


def _whole(value: object) -> int | None:
    return None if value is None else int(str(value))


def _number(name: str, digits: int | None, scale: int | None, *, nullable: bool) -> Column:
    """A NUMBER; without digits but with a scale it has all that there are, which is what INTEGER means."""
    if digits is None and scale is None:
        return Column(name, Kind.DECIMAL, "NUMBER", nullable)
    declared = f"NUMBER({'*' if digits is None else digits},{scale or 0})"
    digits, scale = digits or _MOST_DIGITS, scale or 0
    if scale == 0 and digits <= 18:
        return Column(name, Kind.INTEGER, declared, nullable, 16 if digits <= 4 else 32 if digits <= 9 else 64)
    # A scale below nothing, or one of more than all digits, other engines write otherwise.
    return Column(name, Kind.DECIMAL, declared, nullable, precision=max(digits, scale, digits - scale), scale=max(scale, 0))


def bound(type_: str) -> Bound:
    """As what the values of a column of this type are sent; those that are made of text in the statement are text."""
    name = type_.partition("(")[0]
    return {
        "NVARCHAR2": Bound.NATIONAL,
        "NCHAR": Bound.NATIONAL,
        "NUMBER": Bound.NUMBER,
        "FLOAT": Bound.NUMBER,
        "BINARY_FLOAT": Bound.FLOAT,
        "BINARY_DOUBLE": Bound.DOUBLE,
        "BOOLEAN": Bound.BOOLEAN,
        "RAW": Bound.BYTES,
        "LONG": Bound.LONG,
        "LONG RAW": Bound.LONG_BYTES,
        "CLOB": Bound.CLOB,
        "NCLOB": Bound.NATIONAL_CLOB,
        "BLOB": Bound.BLOB,
    }.get(name, Bound.TEXT)


def taken(type_: str, place: str) -> str:
    """The expression that makes a value for a column of this type of what is bound to a placeholder."""
    if type_ == "DATE":
        return f"TO_DATE({place}, '{_SECOND}')"
    if type_.startswith("TIMESTAMP") and "ZONE" in type_:
        moment, zone = f"SUBSTR({place}, 1, INSTR({place}, '|') - 1)", f"SUBSTR({place}, INSTR({place}, '|') + 1)"
        in_zone = f"FROM_TZ(TO_TIMESTAMP({moment}, '{_NANOSECOND}'), '+00:00') AT TIME ZONE {zone}"
        return f"CASE WHEN {place} IS NOT NULL THEN {in_zone} END"
    if type_.startswith("TIMESTAMP"):
        return f"TO_TIMESTAMP({place}, '{_NANOSECOND}')"
    if type_.startswith("INTERVAL DAY"):
        return f"TO_DSINTERVAL({place})"
    return f"TO_YMINTERVAL({place})" if type_.startswith("INTERVAL YEAR") else place


def own_shape(column: Column) -> Shape:
    """How a column of another Oracle database is kept: as it was."""
    type_ = column.declared
    match column.kind:
        case Kind.INTEGER:
            return Shape(type_, write=Decimal, read=int)
        case Kind.DECIMAL:
            return _decimal_in(type_)
        case Kind.TIMESTAMP if type_ == "DATE":
            return Shape(type_, write=day_text, read=day_of, select=f"TO_CHAR({{}}, '{_SECOND}')")
        case Kind.TIMESTAMP:
            return _timestamp(type_)
        case Kind.INSTANT:
            return _local(type_) if "LOCAL" in type_ else _zoned(type_)
        case Kind.INTERVAL if type_.startswith("INTERVAL DAY"):
            return Shape(type_, write=days_text, read=days_of, select="TO_CHAR({})")
        case Kind.INTERVAL:
            return Shape(type_, write=months_text, read=months_of, select="TO_CHAR({})")
        case Kind.TEXT:
            return Shape(type_, doubt=_no_utf8, mend=_mended_text)
    return Shape(type_)


def _decimal_in(type_: str, doubt: Callable[[Cell], str] | None = None) -> Shape:
    return Shape(type_, doubt=doubt, write=lambda value: Decimal(str(value)), read=lambda value: plain_number(format(value, "f")))


def _timestamp(type_: str, doubt: Callable[[Cell], str] | None = None) -> Shape:
    return Shape(type_, doubt=doubt, write=nano_text, read=day_of, select=f"TO_CHAR({{}}, '{_NANOSECOND}')")


def _zoned(type_: str, doubt: Callable[[Cell], str] | None = None) -> Shape:
    """In UTC with the zone behind it: an hour that comes twice a year, or an old offset with seconds, is told exactly so."""
    select = f"TO_CHAR(SYS_EXTRACT_UTC({{}}), '{_NANOSECOND}') || '|' || TO_CHAR({{}}, 'TZR')"
    return Shape(type_, doubt=doubt, write=zoned_text, read=zoned_of, select=f"CASE WHEN {{}} IS NOT NULL THEN {select} END")


def _local(type_: str) -> Shape:
    # The session's zone is UTC, in which such a value is shown.
    select = f"CASE WHEN {{}} IS NOT NULL THEN TO_CHAR({{}}, '{_NANOSECOND}') || '|+00:00' END"
    return Shape(type_, write=zoned_text, read=zoned_of, select=select)


def day_of(text: Raw) -> str:
    """A moment of the server's text, whose years before our era have a sign."""
    plain = str(text).strip()
    return f"{plain[1:]} BC" if plain[:1] == "-" else plain


def day_text(value: Raw) -> str:
    """The server's text of a moment; a date alone is its midnight."""
    text = str(value).replace("T", " ", 1)
    text, bc = (text.removesuffix(" BC"), "-") if text.endswith(" BC") else (text, "")
    return f"{bc}{text}" if " " in text else f"{bc}{text} 00:00:00"


def nano_text(value: Raw) -> str:
    """The server's text of a moment with nine digits behind the point."""
    moment, _, fraction = day_text(value).partition(".")
    return f"{moment}.{fraction.ljust(9, '0')}"


def zoned_of(text: Raw) -> str:
    """An instant of the server's text in UTC and its zone, which stands behind it in brackets unless it is UTC."""
    moment, _, zone = str(text).partition("|")
    moment = day_of(moment)
    head, bc = (moment.removesuffix(" BC"), " BC") if moment.endswith(" BC") else (moment, "")
    return f"{head}+00:00{bc}" + ("" if zone in ("+00:00", "") else f"[{zone}]")


def zoned_text(value: Raw) -> str:
    """The server's text of an instant: in UTC, with its zone."""
    found = _ZONED.fullmatch(str(value))
    moment, bc, zone = (found[1], found[2] or "", found[3]) if found is not None else (str(value), "", None)
    return f"{nano_text(plain_instant(moment + bc).replace('+00:00', ''))}|{zone or '+00:00'}"


def foreign_shape(table: Table, column: Column) -> Shape:
    """How a column of another engine is kept."""
    match column.kind:
        case Kind.BOOLEAN:
            return Shape("NUMBER(1,0)", Fidelity.REPRESENTED, "0 and 1", write=lambda value: Decimal(int(value)), read=bool)
        case Kind.INTEGER:
            digits = 20 if column.unsigned and column.bits > 32 else {16: 5, 32: 10}.get(column.bits, 19)
            return Shape(f"NUMBER({digits},0)", Fidelity.WIDENED, write=Decimal, read=int)
        case Kind.DECIMAL:
            return _decimal(column)
        case Kind.FLOAT:
            return Shape("BINARY_FLOAT" if column.bits == 32 else "BINARY_DOUBLE")
        case Kind.TEXT:
            return _text(table, column)
        case Kind.BYTES:
            return _bytes(table, column)
        case Kind.DATE:
            return Shape("DATE", Fidelity.WIDENED, "its midnight", _no_day, write=day_text, read=day_of, select=f"TO_CHAR({{}}, '{_DAY}')")
        case Kind.TIMESTAMP:
            return _timestamp("TIMESTAMP(9)", _no_day)
        case Kind.INSTANT:
            return _zoned("TIMESTAMP(9) WITH TIME ZONE", _no_instant)
        case Kind.UUID:
            return Shape("VARCHAR2(36 CHAR)", Fidelity.REPRESENTED, "as text")
        case Kind.TIME | Kind.ZONED_TIME | Kind.DURATION | Kind.INTERVAL:
            return Shape("VARCHAR2(100 CHAR)", Fidelity.REPRESENTED, "as text")
        case Kind.ARRAY | Kind.ANY:
            return Shape("CLOB", Fidelity.REPRESENTED, "as JSON", write=text_of(column), read=text_back(column))
    return Shape("CLOB", Fidelity.REPRESENTED, "as text", _no_utf8, _mended_text)


def _decimal(column: Column) -> Shape:
    precision, scale = column.precision or 0, column.scale or 0
    if 0 < precision <= _MOST_DIGITS and 0 <= scale <= precision:
        return _decimal_in(f"NUMBER({precision},{scale})", _no_number)
    return _decimal_in("NUMBER", _too_long)


def _text(table: Table, column: Column) -> Shape:
    if column.name in table.key:
        signs = min(column.length or _KEY_SIGNS, _KEY_SIGNS // len(table.key))
        return Shape(f"VARCHAR2({signs} CHAR)", doubt=_no_key(signs))
    if column.length and column.length <= _SHORT_SIGNS and column.nullable:
        return Shape(f"VARCHAR2({column.length} CHAR)", Fidelity.EXACT, "'' is NULL", _empty, _mended_text)
    # Only a large object tells an empty text from none.
    return Shape("CLOB", Fidelity.WIDENED if column.length else Fidelity.EXACT, "", _no_utf8, _mended_text)


def _bytes(table: Table, column: Column) -> Shape:
    if column.name in table.key:
        size = _KEY_BYTES // len(table.key)
        return Shape(f"RAW({size})", doubt=_no_key(size))
    return Shape("BLOB", Fidelity.WIDENED if column.length else Fidelity.EXACT)


def _no_key(most: int) -> Callable[[Cell], str]:
    def doubt(value: Cell) -> str:
        if isinstance(value, str | bytes) and len(value) > most:
            return f"a key is longer than {most}"
        return "'' is NULL here" if value in ("", b"") else _no_utf8(value)

    return doubt


def _empty(value: Cell) -> str:
    return "'' is NULL here" if value == "" else _no_utf8(value)


def _no_utf8(value: Cell) -> str:
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "a text has bytes that are no UTF-8"
    return ""


def _mended_text(value: Cell) -> Cell:
    return "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in str(value)) or None


def _no_number(value: Cell) -> str:
    return f"{value} is no number here" if isinstance(value, str) and value[-1:].isalpha() else ""


def _too_long(value: Cell) -> str:
    if why := _no_number(value):
        return why
    number = Decimal(str(value))
    digits = len(plain_number(str(value)).lstrip("-").replace(".", "").strip("0"))
    if digits > _MOST_DIGITS or (number and not -130 < number.adjusted() < 126):
        return f"a number has {digits} digits, or is too large or too small"
    return ""


def _no_day(value: Cell) -> str:
    found = _YEAR.match(str(value))
    if found is None or (str(value).endswith(" BC") and not 1 <= int(found[1]) <= 4712) or found[1] == "0000":
        return f"there is no day {str(value)[:24]}"
    return ""


def _no_instant(value: Cell) -> str:
    text = plain_instant(str(value))
    return _no_day(text) or ("" if "+00:00" in text else f"{value!r} cannot be told in UTC")

"""Turns the opened parts of a backup of rows into SQL with nothing but Python; the argument names the engine that is to read it.

Recovery sheets hold all of this file, for a day without aishell. It reads manifest.json and the parts beside it.
"""

import base64
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

Raw: TypeAlias = Any

_FIELD = re.compile(r"(?:\"((?:[^\"]|\"\")*)\"|([^\",\n]*))(,|$)", re.DOTALL)
_BEGIN = {
    "postgres": "SET client_encoding = UTF8; SET standard_conforming_strings = on; SET datestyle = ISO; SET intervalstyle = postgres;"
    " BEGIN",
    "mysql": "SET NAMES utf8mb4; SET time_zone = '+00:00'; SET foreign_key_checks = 0;"
    " SET sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,NO_AUTO_VALUE_ON_ZERO'; START TRANSACTION",
    "sqlite": "BEGIN",
}


def _records(path: Path) -> Iterator[list[Raw]]:
    """The lines of a CSV file as fields, None for one that is empty and not quoted: a line may end within quotes."""
    held = ""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        next(file)
        for line in file:
            held += line
            if held.count('"') % 2 == 0:
                found = [_FIELD.match(held[:-1])]
                while found[-1] and found[-1][3]:
                    found.append(_FIELD.match(held[:-1], found[-1].end()))
                yield [field[2] or None if field[1] is None else field[1].replace('""', '"') for field in found if field]
                held = ""


def _rows(path: Path, columns: list[dict[str, Raw]]) -> Iterator[list[Raw]]:
    """The values of each row: as JSON has them, bytes as such."""
    if path.suffix == ".csv":
        for record in _records(path):
            yield [None if value is None else _of_csv(column["kind"], value) for column, value in zip(columns, record, strict=True)]
        return
    with path.open(encoding="utf-8") as file:
        next(file)
        for line in file:
            found = json.loads(line)
            if "aishell_rows_end" not in found:
                yield [None if (value := found[column["name"]]) is None else _of_json(column["kind"], value) for column in columns]


def _of_csv(kind: str, value: str) -> Raw:
    if kind in ("array", "any"):
        return _of_json(kind, json.loads(value))
    return value == "true" if kind == "boolean" else bytes.fromhex(value[2:]) if kind == "bytes" else value


def _of_json(kind: str, value: Raw) -> Raw:
    if isinstance(value, dict):
        ((sort, said),) = value.items()
        return float(said) if sort == "$float" else base64.b64decode(said) if sort == "$bytes" else _of_bytes(base64.b64decode(said))
    return base64.b64decode(value) if kind == "bytes" else value


def _of_bytes(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _name(engine: str, text: str) -> str:
    sign = "`" if engine == "mysql" else '"'
    return sign + text.replace(sign, sign + sign) + sign


def _text(engine: str, value: str) -> str:
    if engine == "sqlite" and re.search("[\0\udc80-\udcff]", value):
        return f"CAST(X'{value.encode('utf-8', 'surrogateescape').hex()}' AS TEXT)"
    return "'" + value.replace("'", "''") + "'"


def _literal(engine: str, column: dict[str, Raw], value: Raw) -> str:
    kind, is_odd = column["kind"], str(value).lstrip("-") in ("NaN", "Infinity", "inf")
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return _text(engine, "\\x" + value.hex()) if engine == "postgres" else f"X'{value.hex()}'"
    if kind == "array" and isinstance(value, list):
        return _text(engine, _array(column["element"], value))
    if engine == "sqlite" and is_odd and (kind in ("float", "decimal") or isinstance(value, float)):
        return "-9e999" if str(value)[0] == "-" else "9e999"
    if isinstance(value, bool):
        return str(value) if engine == "postgres" else str(int(value))
    if kind in ("integer", "decimal", "float", "any") and engine != "postgres" and not (kind == "any" and isinstance(value, str)):
        return f"{value}e0" if kind == "float" and "e" not in str(value) else str(value)
    if engine == "mysql":
        if kind == "bits":
            return f"b'{value}'"
        value = value.partition("+")[0] if kind == "instant" else value
    return _text(engine, str(value))


def _array(element: dict[str, Raw], values: list[Raw]) -> str:
    """An array as PostgreSQL writes it."""
    said = []
    for each in values:
        if isinstance(each, list):
            said.append(_array(element, each))
            continue
        value = None if each is None else _of_json(element["kind"], each)
        word = "\\x" + value.hex() if isinstance(value, bytes) else str(value).replace("\\", "\\\\").replace('"', '\\"')
        said.append("NULL" if value is None else f'"{word}"')
    return "{" + ",".join(said) + "}"


def _definition(engine: str, table: dict[str, Raw], place: str) -> list[str]:
    """The statements that make a table: its own where there are such, else one by its columns."""
    if engine == "sqlite":
        return list(table["definition"])
    lines = [
        f"{_name(engine, each['name'])} {each['declared']} {'NULL' if each.get('nullable', True) else 'NOT NULL'}"
        for each in table["columns"]
    ]
    if table["key"]:
        lines.append("PRIMARY KEY (" + ", ".join(_name(engine, key) for key in table["key"]) + ")")
    how = " ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4" if engine == "mysql" else ""
    schema = [f"CREATE SCHEMA IF NOT EXISTS {_name(engine, table['schema'])}"] if table["schema"] else []
    return [*schema, f"CREATE TABLE IF NOT EXISTS {place} ({', '.join(lines)}){how}"]


def _statements(engine: str) -> Iterator[str]:
    told = json.loads(dict(json.loads(Path("manifest.json").read_text(encoding="utf-8"))["annotations"])["rows"])
    yield _BEGIN[engine]
    for number, table in enumerate(told["tables"]):
        place = ".".join(_name(engine, each) for each in (table["schema"], table["name"]) if each)
        first = 1 if engine == "sqlite" else 2
        definition, columns = _definition(engine, table, place), table["columns"]
        yield from definition[:first]
        listed = ", ".join(_name(engine, column["name"]) for column in columns)
        (path,) = (each for each in Path().glob(f"{number:05}-*") if each.suffix in (".csv", ".jsonl"))
        for row in _rows(path, columns):
            values = ", ".join(_literal(engine, column, value) for column, value in zip(columns, row, strict=True))
            yield f"INSERT INTO {place} ({listed}) VALUES ({values})"  # noqa: S608 - quoted names, literals
        yield from definition[first:]
    yield "COMMIT"


if __name__ == "__main__":
    for statement in _statements(sys.argv[1]):
        sys.stdout.buffer.write(f"{statement};\n".encode("utf-8", "surrogateescape"))

"""Frozen values as JSON text and back, by the types of their fields.

Others make a `Form` of a dataclass, or of a tuple of them, once. It is made without a library of models: a dashboard that keeps
a few rows would pay 10 MiB for that. A text that does not fit the types in every part is damaged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Generic, NewType, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from aishell_core.state.codec import storable

T = TypeVar("T")

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
"""What JSON can say."""

_Reader = Callable[[Plain], object]


class DamagedError(ValueError):
    """A text, or a part of one, that does not fit the type that it is read as."""


class Written(Generic[T]):
    """A type that stands in JSON as a text of its own: how it is written, and how it is read (ValueError where it cannot be)."""

    def __init__(self, kind: type[T], write: Callable[[T], str], read: Callable[[str], T]) -> None:
        self.kind, self.write, self.read = kind, write, read


class Form(Generic[T]):
    """The values of one type as JSON. `kind` is a type as it would be annotated; `written` are types that stand there as texts."""

    def __init__(self, kind: object, *written: Written[Any]) -> None:
        self._types = _Types(written)
        self._read = self._types.reader(kind)

    def encode(self, value: T) -> str:
        """The value as JSON; figures that are no numbers become null, odd bytes harmless text."""
        try:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=self._types.opened)
            text.encode()
        except ValueError:
            # Odd bytes in a name, or a figure that is no number: they are rare, and looked for only here.
            return _dumped(_harmless(self.plain(value)))
        return text

    def plain(self, value: T) -> Plain:
        """The value as JSON can say it."""
        return self._types.plain(value)

    def decode(self, text: str) -> T | None:
        """The value; None of a text that is damaged or of a version that cannot be read."""
        try:
            return self.of_plain(_loaded(text))
        except (ValueError, RecursionError):
            return None

    def of_plain(self, value: Plain) -> T:
        """The value that JSON says; raises DamagedError."""
        return cast("T", self._read(value))


class _Types:
    """Reads and writes by type; the fields of a dataclass are looked up when the first of it is read or written."""

    def __init__(self, written: tuple[Written[Any], ...]) -> None:
        self._written: Mapping[object, Written[Any]] = {each.kind: each for each in written}
        self._readers: dict[object, _Reader] = {}
        self._names: dict[type, tuple[str, ...]] = {}

    def plain(self, value: object) -> Plain:
        """A value as JSON can say it."""
        if isinstance(value, float):
            return value if isfinite(value) else None
        if isinstance(value, tuple | list):
            return [self.plain(each) for each in value]
        if isinstance(value, Mapping):
            return {str(key): self.plain(each) for key, each in value.items()}
        if value is None or (isinstance(value, str | int) and not isinstance(value, Enum)):
            return value
        return self.plain(self.opened(value))

    def opened(self, value: Any) -> object:  # noqa: ANN401 - what the library of JSON does not know
        """What stands for a value of a class of ours: its text, or its fields by name."""
        kind = type(value)
        if kind in self._written:
            return self._written[kind].write(value)
        if isinstance(value, Enum):
            return value.value
        names = self._names.get(kind)
        if names is None:
            names = self._names[kind] = tuple(field.name for field in fields(value))
        return {name: getattr(value, name) for name in names}

    def reader(self, kind: object) -> _Reader:
        """What reads values of a type."""
        found = self._readers.get(kind)
        if found is None:
            found = self._readers[kind] = self._made(kind)
        return found

    def _made(self, kind: object) -> _Reader:
        if kind in self._written:
            return _text_of(self._written[kind])
        if isinstance(kind, NewType):
            return self.reader(kind.__supertype__)
        origin, parts = get_origin(kind), get_args(kind)
        if origin is tuple:
            return self._tuple(parts)
        if origin is dict or origin is Mapping:
            return self._mapping(*parts)
        if origin is UnionType or origin is Union:
            return self._optional(parts)
        if kind in _SIMPLE:
            return _SIMPLE[kind]
        if isinstance(kind, type) and issubclass(kind, Enum):
            return _member(kind)
        if isinstance(kind, type) and is_dataclass(kind):
            return self._dataclass(kind)
        raise TypeError(f"there is no form for {kind}")

    def _tuple(self, parts: tuple[Any, ...]) -> _Reader:
        if len(parts) == 2 and parts[1] is Ellipsis:
            each = self.reader(parts[0])

            def read_all(value: Plain) -> tuple[object, ...]:
                return tuple([each(entry) for entry in _list(value)])

            return read_all
        readers = [self.reader(part) for part in parts]

        def read_each(value: Plain) -> tuple[object, ...]:
            entries = _list(value)
            if len(entries) != len(readers):
                raise DamagedError(f"{len(readers)} entries are wanted, {len(entries)} are there")
            return tuple([read(entry) for read, entry in zip(readers, entries, strict=True)])

        return read_each

    def _mapping(self, key: object, value: object) -> _Reader:
        read = self.reader(value)
        read_key: Callable[[str], object] = int if key is int else self.reader(key)

        def read_mapping(found: Plain) -> dict[object, object]:
            return {read_key(name): read(each) for name, each in _dict(found).items()}

        return read_mapping

    def _optional(self, parts: tuple[Any, ...]) -> _Reader:
        (kind,) = (part for part in parts if part is not NoneType)
        read = self.reader(kind)
        return lambda value: None if value is None else read(value)

    def _dataclass(self, kind: type) -> _Reader:
        parts: list[tuple[str, _Reader, bool]] = []

        def read_fields(value: Plain) -> object:
            if not parts:
                hints = get_type_hints(kind)
                parts.extend((field.name, self.reader(hints[field.name]), _is_needed(field)) for field in fields(kind))
            found = _dict(value)
            try:
                return kind(**{name: read(found[name]) for name, read, needed in parts if needed or name in found})
            except KeyError as error:
                raise DamagedError(f"{error} is missing") from error

        return read_fields


def _dumped(plain: Plain) -> str:
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _loaded(text: str) -> Plain:
    loaded = cast("Plain", json.loads(text))
    if "\\u" in text:
        _dumped(loaded).encode()  # half a character is written out in no text of ours; UnicodeEncodeError is a ValueError
    return loaded


def _harmless(plain: Plain) -> Plain:
    if isinstance(plain, str):
        return storable(plain)
    if isinstance(plain, dict):
        return {storable(key): _harmless(each) for key, each in plain.items()}
    return [_harmless(each) for each in plain] if isinstance(plain, list) else plain


def _is_needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _list(value: Plain) -> list[Plain]:
    if isinstance(value, list):
        return value
    raise DamagedError("a list is wanted")


def _dict(value: Plain) -> dict[str, Plain]:
    if isinstance(value, dict):
        return value
    raise DamagedError("a set of keys is wanted")


def _text(value: Plain) -> str:
    if isinstance(value, str):
        return value
    raise DamagedError("a text is wanted")


def _flag(value: Plain) -> bool:
    if isinstance(value, bool):
        return value
    raise DamagedError("true or false is wanted")


def _whole(value: Plain) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise DamagedError("a whole number is wanted")


def _number(value: Plain) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:
            raise DamagedError("a number is too large") from error
    raise DamagedError("a number is wanted")


def _member(kind: type[Enum]) -> _Reader:
    members = {member.value: member for member in kind}

    def read(value: Plain) -> Enum:
        found = members.get(value) if isinstance(value, str | int) else None
        if found is None:
            raise DamagedError(f"{value!r} is no {kind.__name__}")
        return found

    return read


def _text_of(written: Written[Any]) -> _Reader:
    return lambda value: written.read(_text(value))


_SIMPLE: Mapping[object, _Reader] = {str: _text, bool: _flag, int: _whole, float: _number}

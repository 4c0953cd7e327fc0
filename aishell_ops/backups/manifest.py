"""Manifests and records as JSON documents that tell by themselves whether they are whole; pure.

A document is one JSON object with its keys sorted, and `sha256` is the hash of the same object without that key: the seal.
So a flipped bit anywhere in it is found, and people can read it with any program.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.models import Holder, Manifest, Record

SCHEMA = 1
"""The version of these documents; a greater one is refused, because nobody knows what it means."""

_ELSEWHERE = "restore from another copy or another backup; of one whose parts are whole, RECOVERY.txt says how to restore it by hand"

Document = TypeVar("Document", Manifest, Record, Holder)


def encode(value: Document) -> bytes:
    """A document as the bytes that are stored."""
    body = {"schema": SCHEMA, **_adapter(type(value)).dump_python(value, mode="json")}
    return json.dumps({**body, "sha256": _seal(body)}, sort_keys=True, ensure_ascii=False, indent=1).encode() + b"\n"


def decode(kind: type[Document], content: bytes, where: str) -> Document:
    """A document from its bytes; `where` names it in errors.

    Raises DamagedError when it is not what was written, BackupError when a newer aishell wrote it.
    """
    body = _opened(content, where)
    schema = body.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise BackupError(
            f"{where} is of version {schema}; this aishell reads up to {SCHEMA}", "use the aishell that wrote it, or a newer one"
        )
    if body.pop("sha256", None) != _seal(body):
        raise DamagedError(f"{where} has been changed or damaged: its content does not match its seal", _ELSEWHERE)
    try:
        return _adapter(kind).validate_json(json.dumps(body), strict=True)
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DamagedError(f"{where} is sealed but not a {kind.__name__.lower()}: {place}: {first['msg']}", _ELSEWHERE) from fault


def seal_of(content: bytes) -> str:
    """The seal that a document carries; it is true when `decode` accepts the same bytes."""
    return str(json.loads(content)["sha256"])


def _adapter(kind: type[Document]) -> TypeAdapter[Document]:
    """What checks and writes a kind of document; made when it is first wanted, because that takes milliseconds."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return cast(TypeAdapter[Document], _adapters[kind])


_adapters: dict[type, TypeAdapter[Manifest] | TypeAdapter[Record] | TypeAdapter[Holder]] = {}


def _seal(body: Mapping[str, object]) -> str:
    return hashlib.sha256(
        json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    ).hexdigest()


def _opened(content: bytes, where: str) -> dict[str, object]:
    try:
        body = json.loads(content)
    except (UnicodeDecodeError, ValueError, RecursionError) as fault:
        raise DamagedError(f"{where} cannot be read: it is no JSON", _ELSEWHERE) from fault
    if not isinstance(body, dict):
        raise DamagedError(f"{where} cannot be read: it is no JSON object", _ELSEWHERE)
    return body

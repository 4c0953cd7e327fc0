"""The rules that ship with aishell: one file of YAML for each engine, read as any other file of rules."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from aishell_core.catalogue.declare import DATABASES
from aishell_core.documents.document import Document, parse_document

BUILTIN_SETS = ("host", "postgres", "pgbouncer", *(engine for engine in DATABASES if engine != "postgres"), "backup")
"""The names of the sets, each that of the engine which its rules are for, but for those that are for several."""
_OF_SEVERAL = {"backup": DATABASES}

_FOLDER = "builtin"
_SHOWN_FOLDER = "aishell:alerts/builtin"


def builtin_documents() -> Mapping[str, Document]:
    """Every set by its name, read anew: whoever makes rules of them for long keeps the rules, not a megabyte of places in files."""
    folder = files("alerts") / _FOLDER
    return {
        name: parse_document(f"{_SHOWN_FOLDER}/{name}.yaml", (folder / f"{name}.yaml").read_text(encoding="utf-8")) for name in BUILTIN_SETS
    }


def engines_of(name: str) -> tuple[str, ...]:
    """The engines that the rules of a set are for; none for "", which stands for no set."""
    return _OF_SEVERAL.get(name) or ((name,) if name else ())

"""The rules that ship as a dashboard reads them, made from their YAML: `python -m tests.builtin_rules > alerts/builtin/rules.json`."""

from __future__ import annotations

from alerts.rules.builtin import BUILTIN_SETS
from alerts.rules.load import load_book
from alerts.rules.shipped import written


def rules_file() -> str:
    """The file as it has to be."""
    return written(load_book([], builtin=BUILTIN_SETS).rules)


if __name__ == "__main__":
    print(rules_file(), end="")

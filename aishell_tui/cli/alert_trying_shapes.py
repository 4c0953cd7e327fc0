"""What the commands that try rules print under --json, as types; see `shapes`."""

from __future__ import annotations

from dataclasses import dataclass, field

from aishell_tui.cli.setup_shapes import ProblemRow
from aishell_tui.cli.shapes import doc


@dataclass(frozen=True, slots=True)
class AlertCheckReport:
    """aishell alerts check --json."""

    ok: bool = field(metadata=doc("whether there is no error"))
    files: tuple[str, ...] = field(metadata=doc("the files that were read"))
    rules: int = field(metadata=doc("rules of one's own that are right and switched on"))
    builtin_rules: int = field(metadata=doc("built-in rules that are in force"))
    disabled_rules: int = field(metadata=doc("rules that are right and switched off"))
    channels: int = field(metadata=doc("channels that are configured"))
    tests: int = field(metadata=doc("tests of rules that can be run"))
    errors: tuple[ProblemRow, ...] = field(metadata=doc("what is wrong"))
    warnings: tuple[ProblemRow, ...] = field(metadata=doc("what should be looked at"))


@dataclass(frozen=True, slots=True)
class AlertTestRow:
    """One test of rules."""

    name: str = field(metadata=doc("its name"))
    file: str = field(metadata=doc("its file"))
    line: int | None = field(metadata=doc("where it stands in it, from 1"))
    passed: bool = field(metadata=doc("whether everything was as expected"))
    differences: tuple[ProblemRow, ...] = field(metadata=doc("what was not, each at the place of what was expected"))


@dataclass(frozen=True, slots=True)
class AlertTestReport:
    """aishell alerts test --json."""

    ok: bool = field(metadata=doc("whether all tests have passed"))
    passed: int = field(metadata=doc("how many have"))
    failed: int = field(metadata=doc("how many have not"))
    tests: tuple[AlertTestRow, ...] = field(metadata=doc("each test, in the order of the files"))

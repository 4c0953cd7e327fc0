"""The symbols on the screen, once in Unicode and once in ASCII for terminals that have no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aishell_core.values import Severity


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One full set of symbols; every symbol is exactly one cell wide, `ramp` and `bars` go from least to most."""

    unicode: bool
    ok: str
    warning: str
    critical: str
    unknown: str
    ellipsis: str
    ramp: str
    bars: str
    track: str
    up: str
    down: str
    left: str
    right: str
    cursor: str
    marked: str
    gone: str
    good: str
    bad: str
    note: str
    branch: str
    last_branch: str
    trunk: str
    leads_on: str
    costly: str
    event: str
    refresh: str
    paused: str
    divider: str
    axis: str
    threshold: str
    dash: str
    column: str
    ruler: str

    def severity(self, severity: Severity) -> str:
        """The symbol of a severity."""
        match severity:
            case Severity.OK:
                return self.ok
            case Severity.WARNING:
                return self.warning
            case Severity.CRITICAL:
                return self.critical
            case Severity.UNKNOWN:
                return self.unknown


UNICODE = Glyphs(
    unicode=True,
    ok="●",
    warning="▲",
    critical="✖",
    unknown="?",
    ellipsis="…",
    ramp="▁▂▃▄▅▆▇█",
    bars="▏▎▍▌▋▊▉█",
    track="░",
    up="▴",
    down="▾",
    left="‹",
    right="›",
    cursor="▸",
    marked="◆",
    gone="†",
    good="✓",
    bad="✗",
    note="└",
    branch="├",
    last_branch="└",
    trunk="│",
    leads_on="▸",
    costly="◀",
    event="↑",
    refresh="↻",
    paused="⏸",
    divider="▏",
    axis="┤",
    threshold="┄",
    dash="–",
    column="█",
    ruler="─",
)

ASCII = Glyphs(
    unicode=False,
    ok=".",
    warning="!",
    critical="X",
    unknown="?",
    ellipsis="~",
    ramp="_.-=+*#@",
    bars="#",
    track=".",
    up="^",
    down="v",
    left="<",
    right=">",
    cursor=">",
    marked="*",
    gone="x",
    good="+",
    bad="x",
    note="`",
    branch="|",
    last_branch="`",
    trunk="|",
    leads_on=">",
    costly="<",
    event="^",
    refresh="@",
    paused="=",
    divider="|",
    axis="|",
    threshold="-",
    dash="-",
    column="#",
    ruler="-",
)

_PLAIN_TERMINALS = frozenset({"linux", "dumb"})
_PLAIN_LOCALES = frozenset({"C", "POSIX"})
_COERCED = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})


def choose_glyphs(environ: Mapping[str, str], encoding: str | None) -> Glyphs:
    """The set of symbols for a terminal, from its environment and the encoding of standard output.

    `AISHELL_GLYPHS=unicode|ascii` decides alone. The Linux console and dumb terminals get ASCII: their fonts have
    neither braille nor most blocks. Else the first of LC_ALL, LC_CTYPE and LANG that is set says whether text is UTF-8;
    where none is set, the encoding says it. A LC_CTYPE that Python itself set while LANG is C (PEP 538) does not count.
    """
    wish = environ.get("AISHELL_GLYPHS", "").strip().lower()
    if wish in {"unicode", "ascii"}:
        return UNICODE if wish == "unicode" else ASCII
    if environ.get("TERM", "") in _PLAIN_TERMINALS:
        return ASCII
    locale = _locale(environ)
    return UNICODE if _is_utf8((encoding or "") if not locale else locale.partition(".")[2] or locale) else ASCII


def _locale(environ: Mapping[str, str]) -> str:
    everything, ctype, language = (environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    if not everything and ctype in _COERCED and language in _PLAIN_LOCALES:
        return language
    return everything or ctype or language


def _is_utf8(charset: str) -> bool:
    return charset.partition("@")[0].lower().replace("-", "") == "utf8"

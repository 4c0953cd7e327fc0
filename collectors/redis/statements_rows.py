"""Commands as statements: what the server counts for each, and the shapes of those in its slow log. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from aishell_core import catalogue
from aishell_core.engines.histogram import STEPS_PER_OCTAVE, cumulative, quantile
from aishell_core.engines.redis_commands import Traits, name_of, shape_of
from aishell_core.engines.redis_text import Fields, mapping_of, named, number, pairs_in, readable
from aishell_core.engines.statement_text import digest
from aishell_core.values import Sample, Statement

HEAVIEST = 20
"""So many commands have series of their own."""

_SLOW = "slow log"
_P95 = 0.95


@dataclass(frozen=True, slots=True)
class SlowEntry:
    """One entry of the slow log: its number, when it ran (epoch seconds), how long, its words and who sent it."""

    number: int
    at: float
    microseconds: float
    words: tuple[bytes, ...]
    client: str = ""


@dataclass(frozen=True, slots=True)
class SlowShape:
    """What is known of the entries of one shape: their number, microseconds in all and of the longest."""

    command: str
    text: str
    calls: float
    microseconds: float
    longest_microseconds: float


def command_statements(info: Fields, histograms: Mapping[str, Mapping[int, float]]) -> tuple[Statement, ...]:
    """What `commandstats` counts, one statement for each command that was called or refused.

    `errors` are the calls that failed and those that were refused before they ran; a server before 6.2 counts neither.
    """
    found = []
    for command, text in named(info, "cmdstat_"):
        fields = pairs_in(text)
        calls, microseconds = number(fields, "calls"), number(fields, "usec")
        if calls is None or microseconds is None:
            continue
        failed, refused = number(fields, "failed_calls"), number(fields, "rejected_calls")
        counted = cumulative(histograms.get(command, {}))
        found.append(
            Statement(
                digest=command,
                text=_shown(command),
                calls=calls,
                total_milliseconds=microseconds / 1000,
                p95_milliseconds=quantile(counted, _P95) if counted else None,
                errors=None if failed is None and refused is None else (failed or 0.0) + (refused or 0.0),
                histogram=counted,
            )
        )
    return tuple(found)


def _shown(command: str) -> str:
    return command.replace("|", " ").upper()


def histograms_of(reply: object) -> dict[str, dict[int, float]]:
    """LATENCY HISTOGRAM as calls by the buckets of `engines.histogram`, for each command.

    The server counts in steps of powers of two of microseconds, so that a quantile may be told twice too high, and
    never too low.
    """
    found: dict[str, dict[int, float]] = {}
    for command, value in mapping_of(reply).items():
        steps = mapping_of(mapping_of(value).get("histogram_usec"))
        before, buckets = 0.0, dict[int, float]()
        for limit, calls in sorted((int(limit), calls) for limit, calls in steps.items() if limit.isdecimal()):
            if isinstance(calls, int) and calls > before:
                buckets[math.ceil(STEPS_PER_OCTAVE * math.log2(limit)) if limit > 1 else 0] = calls - before
                before = calls
        found[command] = buckets
    return found


def slow_entries(reply: object) -> tuple[SlowEntry, ...]:
    """SLOWLOG GET, the newest first; what is no entry is left out."""
    if not isinstance(reply, list | tuple):
        return ()
    found = []
    for each in reply:
        match each:
            case [int(place), int(at), int(microseconds), [*words], *rest]:
                client = readable(rest[1]) if len(rest) > 1 else ""
                found.append(SlowEntry(place, float(at), float(microseconds), tuple(_bytes(word) for word in words), client))
    return tuple(found)


def _bytes(word: object) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()


def shaped(entry: SlowEntry, traits: Mapping[str, Traits | None]) -> SlowShape:
    """An entry as the first one of its shape."""
    name = name_of(entry.words)
    text = shape_of(entry.words, traits.get(name.partition("|")[0]))
    return SlowShape(name, text, 1.0, entry.microseconds, entry.microseconds)


def merged(shapes: Mapping[str, SlowShape], more: Iterable[SlowShape]) -> dict[str, SlowShape]:
    """Shapes by their text with further entries counted in."""
    found = dict(shapes)
    for one in more:
        known = found.get(one.text)
        found[one.text] = (
            one
            if known is None
            else replace(
                known,
                calls=known.calls + one.calls,
                microseconds=known.microseconds + one.microseconds,
                longest_microseconds=max(known.longest_microseconds, one.longest_microseconds),
            )
        )
    return found


def with_slow(statements: Sequence[Statement], shapes: Iterable[SlowShape]) -> tuple[Statement, ...]:
    """The statements, with slow shapes as statements of their own that are taken off what their command counts.

    So the shares of all add up to the whole. A command that is not counted, or counts less than the slow log holds of
    it because its figures were reset, keeps what it has, and its shapes are left out.
    """
    counted = {each.digest: each for each in statements}
    slow: list[Statement] = []
    for shape in shapes:
        name = shape.command if shape.command in counted else shape.command.partition("|")[0]
        whole = counted.get(name)
        milliseconds = shape.microseconds / 1000
        if whole is None or whole.calls < shape.calls or whole.total_milliseconds < milliseconds:
            continue
        counted[name] = replace(whole, calls=whole.calls - shape.calls, total_milliseconds=whole.total_milliseconds - milliseconds)
        slow.append(
            Statement(
                digest=f"slow {digest(shape.text)}",
                text=f"{shape.text} ({_SLOW})",
                calls=shape.calls,
                total_milliseconds=milliseconds,
                max_milliseconds=shape.longest_microseconds / 1000,
            )
        )
    return (*counted.values(), *slow)


def statement_samples(statements: Iterable[Statement]) -> tuple[Sample, ...]:
    """Calls and time of the heaviest commands, by digest."""
    heaviest = sorted(statements, key=lambda one: (-one.total_milliseconds, one.digest))[:HEAVIEST]
    return tuple(
        Sample(metric, value, (("digest", one.digest),))
        for one in heaviest
        for metric, value in ((catalogue.STATEMENT_CALLS, one.calls), (catalogue.STATEMENT_TIME, one.total_milliseconds))
    )


def first_words(entries: Iterable[SlowEntry]) -> frozenset[str]:
    """The first words of the commands of some entries, as the server may be asked about them."""
    names = {readable(entry.words[0]).lower() for entry in entries if entry.words}
    return frozenset(name for name in names if name.isascii() and name.replace("_", "").replace("-", "").replace(".", "").isalnum())

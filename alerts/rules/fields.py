"""The kinds of values that rules hold, each with its parser, its message and its place in the JSON schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from aishell_core.catalogue.declare import ANY
from aishell_core.documents.fields import (
    DURATION_SCHEMA,
    all_faults,
    as_text,
    choice,
    choice_schema,
    duration_between,
    each_read,
    fault,
    faults_of,
    kind_of,
)
from aishell_core.documents.problems import nearest
from aishell_core.targets import Environment
from alerts.models import Absence, Level
from alerts.rule import DAY_SECONDS, Reach
from alerts.rules.hours import parse_days, parse_months, parse_timezone, parse_weekdays
from alerts.rules.matchers import LABEL_NAME

OWN_LABELS = ("alertname", "target", "engine", "role", "environment", "severity")
"""The labels that every alert has; a rule cannot give them."""

ENGINES = ANY
"""The engines that a rule may be for."""

ROLES = ("primary", "replica", "arbiter", "recovering", "router", "sentinel")
"""What a target can be among its likes, as collectors tell it (`Facts.role`)."""

_OTHER_ROLES = {"master": "primary", "slave": "replica", "standby": "replica", "secondary": "replica", "mongos": "router"}
"""What engines call the same."""

_RUNBOOK_SCHEMES = ("https", "http", "mailto")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(//)?", re.IGNORECASE)
_RUNS_ALONE = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "view-source", "jar"})
"""Schemes that do something without two slashes behind them; another word with a colon is a word."""

EVERY_LABEL = ("...",)
"""Stands in group_by for all labels: each alert is a group of its own."""

_MOST_NAME_CHARACTERS = 120
_MOST_LABELS = 50
_LONGEST_FOR_SECONDS = 30 * DAY_SECONDS
_MOST_SAMPLES = 100_000


def _rule_name(value: object) -> str:
    text = as_text(value, "a name")
    if not text.strip() or text != text.strip():
        raise fault("a rule's name has a letter at its begin and at its end", 'write it as in "Pool is nearly full"')
    if len(text) > _MOST_NAME_CHARACTERS or not text.isprintable():
        raise fault(f"a rule's name is one line of up to {_MOST_NAME_CHARACTERS} characters", "put the rest into annotations")
    return text


def _line(value: object) -> str:
    text = as_text(value, "a text")
    if not text.strip():
        raise fault("this text is empty", "leave the key out")
    return text


def _word_or_words(value: object) -> tuple[str, ...]:
    """One word, or a list of them, because both read naturally in YAML."""
    words = value if isinstance(value, list) else [value]
    found = tuple(as_text(word, "a word or a list of words") for word in words)
    if not all(word.strip() for word in found):
        raise fault("an empty word selects nothing", "leave the key out for all")
    return found


def _engines(value: object) -> tuple[str, ...]:
    return each_read(_word_or_words(value), _engine)


def _engine(word: str) -> str:
    if word not in ENGINES:
        raise fault(f"there is no engine {word!r}", nearest(word, ENGINES))
    return word


def _roles(value: object) -> tuple[str, ...]:
    return each_read(_word_or_words(value), _role)


def _role(word: str) -> str:
    if word not in ROLES:
        raise fault(f"there is no role {word!r}", nearest(_OTHER_ROLES.get(word.lower(), word), ROLES))
    return word


def _runbook(value: object) -> str:
    """Words, a path, or the address of a page: it is copied and sent as it is, so that nobody follows it into something else."""
    text = _line(value)
    if text.lstrip().startswith("{{"):
        raise fault("a runbook cannot begin with a value, which comes from a database", "write https://… in front of it")
    # As browsers read it: blanks and control characters in an address are passed over.
    match = _SCHEME.match("".join(character for character in text if character > " " and character.isprintable()))
    scheme = match[1].lower() if match else ""
    if match and scheme not in _RUNBOOK_SCHEMES and (match[2] or scheme in _RUNS_ALONE):
        raise fault(f"a runbook cannot be a {scheme}: address", nearest(scheme, _RUNBOOK_SCHEMES))
    return text


def _environments(value: object) -> tuple[str, ...]:
    read = choice(Environment)
    return tuple(word.value for word in each_read(_word_or_words(value), read))


def _label_name(name: object) -> str:
    text = as_text(name, "the name of a label")
    if not LABEL_NAME.fullmatch(text):
        raise fault(f"{text!r} is no name of a label", "letters, digits and _ make one, beginning with a letter")
    return text


def _labels(value: object) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(_pairs(value, "severity_hint: high", _free_label_name)))


def _free_label_name(name: str) -> str:
    if name in OWN_LABELS:
        raise fault(f"every alert has the label {name!r} of its own", "choose another name")
    return _label_name(name)


def _texts(value: object) -> tuple[tuple[str, str], ...]:
    pairs = tuple(_pairs(value, 'summary: "{{ target }} is full"', _label_name))
    if found := faults_of(((name, text) for name, text in pairs if name == "runbook"), _runbook):
        raise all_faults(found)
    return pairs


def _pairs(value: object, example: str, read_name: Callable[[str], str]) -> list[tuple[str, str]]:
    if not isinstance(value, dict):
        raise fault(f"a set of keys is wanted here, but {kind_of(value)} was found", f"write {{{example}}}")
    if len(value) > _MOST_LABELS:
        raise fault(f"{len(value)} keys are more than {_MOST_LABELS}", "keep the ones that are read")
    found = faults_of(((name, name) for name in value), read_name, of_keys=True)
    if found := [*found, *faults_of(value.items(), _scalar_text)]:
        raise all_faults(found)
    return [(str(name), _scalar_text(text)) for name, text in value.items()]


def _scalar_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else as_text(value, "a text")


def _group_by(value: object) -> tuple[str, ...]:
    words = _names(value)
    return words if words == EVERY_LABEL else each_read(words, _label_name)


def _samples(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise fault(f"a whole number is wanted here, but {kind_of(value)} was found", "write min_samples: 3")
    if not 1 <= value <= _MOST_SAMPLES:
        raise fault(f"{value} is outside of 1 to {_MOST_SAMPLES:,}", "1 is the default")
    return value


def _names(value: object) -> tuple[str, ...]:
    if value == []:
        return ()
    return _word_or_words(value)


_LIST_OR_WORD = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_NUMBERS_OR_WORDS = {"anyOf": [{"type": ["string", "integer"]}, {"type": "array", "items": {"type": ["string", "integer"]}}]}

RuleName = Annotated[str, PlainValidator(_rule_name), WithJsonSchema({"type": "string", "maxLength": _MOST_NAME_CHARACTERS})]
Line = Annotated[str, PlainValidator(_line), WithJsonSchema({"type": "string", "minLength": 1})]
Span = Annotated[float, PlainValidator(duration_between(0, _LONGEST_FOR_SECONDS, "5m is a usual time")), DURATION_SCHEMA]
Pause = Annotated[float, PlainValidator(duration_between(1, _LONGEST_FOR_SECONDS, "5m is a usual time")), DURATION_SCHEMA]
LevelWord = Annotated[Level, PlainValidator(choice(Level)), choice_schema(Level)]
AbsenceWord = Annotated[Absence, PlainValidator(choice(Absence)), choice_schema(Absence)]
ReachWord = Annotated[Reach, PlainValidator(choice(Reach)), choice_schema(Reach)]
Selection = Annotated[tuple[str, ...], PlainValidator(_word_or_words), WithJsonSchema(_LIST_OR_WORD)]
Names = Annotated[tuple[str, ...], PlainValidator(_names), WithJsonSchema(_LIST_OR_WORD)]
Engines = Annotated[
    tuple[str, ...],
    PlainValidator(_engines),
    WithJsonSchema({"anyOf": [{"enum": list(ENGINES)}, {"type": "array", "items": {"enum": list(ENGINES)}}]}),
]
Roles = Annotated[
    tuple[str, ...],
    PlainValidator(_roles),
    WithJsonSchema({"anyOf": [{"enum": list(ROLES)}, {"type": "array", "items": {"enum": list(ROLES)}}]}),
]
Runbook = Annotated[str, PlainValidator(_runbook), WithJsonSchema({"type": "string", "minLength": 1})]
Environments = Annotated[tuple[str, ...], PlainValidator(_environments), WithJsonSchema(_LIST_OR_WORD)]
LabelPairs = Annotated[
    tuple[tuple[str, str], ...],
    PlainValidator(_labels),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean"]}}),
]
TextPairs = Annotated[
    tuple[tuple[str, str], ...],
    PlainValidator(_texts),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]
LabelNames = Annotated[tuple[str, ...], PlainValidator(_group_by), WithJsonSchema(_LIST_OR_WORD)]
Samples = Annotated[int, PlainValidator(_samples), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": _MOST_SAMPLES})]
Weekdays = Annotated[tuple[int, ...], PlainValidator(parse_weekdays), WithJsonSchema(_LIST_OR_WORD)]
Days = Annotated[tuple[int, ...], PlainValidator(parse_days), WithJsonSchema(_NUMBERS_OR_WORDS)]
Months = Annotated[tuple[int, ...], PlainValidator(parse_months), WithJsonSchema(_NUMBERS_OR_WORDS)]
Timezone = Annotated[str, PlainValidator(parse_timezone), WithJsonSchema({"type": "string"})]

"""The shape of tests of rules in YAML: every key is declared here once, with the help that the docs print."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainValidator

from aishell_core.documents.fields import Flag, as_text, choice, fault, kind_of
from aishell_core.documents.spec import Spec
from alerts.models import Health, Level, Phase
from alerts.rules.fields import Engines, Environments, Line, Names, Pause, Selection, Span

NONE = "none"
_SEEN = tuple(phase.value for phase in Phase if phase is not Phase.INACTIVE)


def _words(value: object) -> object:
    """`alerts: critical` is one alert of this level, `alerts: none` is none."""
    if value == NONE:
        return []
    return value if isinstance(value, list) else [value]


def _alert(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value in set(Level):
        return {"level": value}
    if value in _SEEN:
        return {"phase": value}
    raise fault(f"{value!r} is neither a level nor a state", f"valid: {NONE}, {', '.join([*Level, *_SEEN])}")


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise fault(f"a set of keys is wanted here, but {kind_of(value)} was found", 'write {name: "text"}')
    return {str(name): _scalar(text) for name, text in value.items()}


def _scalar(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return as_text(value, "a text or a number")


def _moment(value: object) -> float:
    text = as_text(value, "a moment such as 2027-01-15T08:00:00Z")
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise fault(f"{text!r} is no moment", "write it as in 2027-01-15T08:00:00Z") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


Texts = Annotated[Mapping[str, str], PlainValidator(_texts)]
Amount = Annotated[str, PlainValidator(_scalar)]


class AlertSpec(Spec):
    """An alert that must be there. What is left out is not looked at."""

    rule: Line | None = Field(default=None, description="Its rule; else that of the check.")
    target: Line | None = Field(default=None, description="Its target; else the only one.")
    phase: Annotated[Phase, PlainValidator(choice(Phase))] | None = Field(
        default=None, description="pending, firing, recovering or resolved; else firing."
    )
    level: Annotated[Level, PlainValidator(choice(Level))] | None = Field(default=None, description="info, warning or critical.")
    health: Annotated[Health, PlainValidator(choice(Health))] | None = Field(default=None, description="ok, no_data or error.")
    value: Amount | None = Field(default=None, description="The figure, as in 0.95, 95% or 20s.")
    muted: Flag | None = Field(default=None, description="Whether nobody is told: by maintenance, hours, or another alert.")
    labels: Texts = Field(default={}, description="Labels that it has, among others.")
    annotations: Texts = Field(default={}, description="Texts that it has, among others.")


class CheckSpec(Spec):
    """A look at a moment. Alerts that are pending, firing or recovering must be named all; one that is resolved may be."""

    at: Span = Field(description="How long after the first reading.", examples=["5m"])
    rule: Line | None = Field(default=None, description="The rule that is looked at; else all of them.")
    alerts: Annotated[tuple[Annotated[AlertSpec, BeforeValidator(_alert)], ...], BeforeValidator(_words), Field(strict=False)] = Field(
        description="The alerts that there must be: a list, a word such as critical or pending for one, or none.", examples=["critical"]
    )


class TargetSpec(Spec):
    """A target that the figures are of."""

    name: Line = Field(description="Its name.", examples=["orders"])
    engine: Engines = Field(default=(), description="Its engine.", examples=["postgres"])
    role: Line | None = Field(default=None, description="Its role, such as primary or replica.")
    environment: Environments = Field(default=(), description="Its environment.")
    tags: Selection = Field(default=(), description="Its tags.")
    host: Line | None = Field(default=None, description="The machine that it runs on.")
    replicates_from: Line | None = Field(default=None, description="The target that it replicates from.")


class TrialSpec(Spec):
    """One test of rules."""

    name: Line | None = Field(default=None, description="What it shows.", examples=["a full pool is told within two minutes"])
    interval: Pause = Field(default=10.0, description="How far the readings lie apart; each is followed by an evaluation.")
    starts_at: Annotated[float, PlainValidator(_moment)] | None = Field(
        default=None, description="The moment of the first reading, for rules with active_hours.", examples=["2027-01-15T08:00:00Z"]
    )
    targets: Annotated[tuple[TargetSpec, ...], Field(strict=False)] = Field(
        default=(), description="The targets; else one named test, such as the rule is for."
    )
    series: Texts = Field(
        description='The values of figures by reading, as in pool.usage{target="orders"}: 50%x5 _x3 stale; of a counter what it stands at.',
        examples=[{"pool.usage": "50%x5 95%x20"}],
    )
    checks: Annotated[tuple[CheckSpec, ...], Field(strict=False)] = Field(description="What must be seen, and when.")


class TrialFileSpec(Spec):
    """The keys of a file of tests; it may hold rules and maintenance of its own as a file of rules does."""

    rule_files: Names = Field(default=(), description="Files or folders of rules, seen from this file.", examples=[["rules.yaml"]])
    builtin: Names = Field(default=(), description="Sets of built-in rules.", examples=[["postgres"]])
    rules: object = Field(default=None, description="Rules, as in a file of rules; each may have tests of its own.")
    override: object = Field(default=None, description="Values of built-in rules that are others.")
    maintenance: object = Field(default=None, description="Times at which nobody is told.")
    tests: object = Field(default=None, description="The tests.")

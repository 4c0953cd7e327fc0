"""The page about alerts: what is written by hand, the keys of rules from their declarations, and the rules that ship."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from aishell_core.units import format_duration
from aishell_tui.cli.markdown import page, table
from aishell_tui.config.schema import OptionHelp, option_help, yaml_value
from alerts.models import Level
from alerts.rule import Rule
from alerts.rules.builtin import BUILTIN_SETS
from alerts.rules.load import load_book
from alerts.rules.spec import (
    DampingSpec,
    EscalationSpec,
    HoursSpec,
    InhibitSpec,
    MaintenanceSpec,
    MissingSpec,
    RuleSpec,
    StepSpec,
    TargetsSpec,
)
from alerts.templates import FILTERS, NAMES

_INTRO = """\
A rule says when somebody should be told. Rules for every engine and the machine ship with aishell and are in force without any
configuration; your own stand under `alerts:` in `config.yaml`, in `.ai-shell/dashboard.yml` of a working folder, or in files of
rules. [alerts-life.md](alerts-life.md) is about what becomes of an alert, [alerts-channels.md](alerts-channels.md) about who is told.

```yaml
alerts:
  rules:
    - name: "Slow Query Alert"
      condition: "query.duration > 5000"
      severity: "warning"
      channels: ["slack", "email"]
    - name: "Connection Pool Critical"
      condition: "pool.usage > 0.9"
      severity: "critical"
      channels: ["pagerduty", "slack"]
```

[alerts-conditions.md](alerts-conditions.md) has the language of conditions. Each target, and each label of a figure such as a
mount or a peer, is an alert of its own.

A rule that is wrong is told with file, line, column and the nearest valid name, by `aishell config validate` and on the Alerts
screen, and is left out; the others run. A channel that is not configured is a warning, and the rule runs. Files are looked
at all the time: a change is in force within seconds, and alerts of rules that did not change go on as they are.
"""
_LEVELS = """\
## One rule, two levels

`condition` has the level in `severity`. With `warn` and `crit` one rule has both: they compare the same figure, or are conditions of
their own. A step from one level to the other is one message, not two alerts. `clear` ends the alert at another value than the one at
which it began, so that a figure around its limit does not ring again and again.

```yaml
alerts:
  rules:
    - name: pool is nearly full
      targets: {engine: postgres, environment: production}
      condition: "avg(pool.usage, 2m)"
      warn: "> 80%"
      crit: "> 95%"
      clear: "< 70%"
      for: 1m
      keep_firing_for: 5m
      no_data: {policy: alert, after: 3m}
      escalate: {after: 15m, channels: [phone]}
      inhibits:
        - {match: 'alertname="postgres-connections"'}
      annotations:
        summary: "{{ target }} has {{ value }} of its connections in use"
      runbook: https://wiki.example/pool
  channels:
    phone: "${PHONE_URL}"
```
"""
_FILES = """\
## Files of rules

`files:` names files and folders; of a folder those that end in `.yaml` or `.yml` are read, by name. Such a file has `rules:`,
`override:` and `maintenance:` at its top. Names are unique over all files: of two rules with one name the first is in force
and the other one told.

YAML is read as plain values: no tags, no merge keys, no aliases without end; a file has up to 1 MiB and 50 levels, a folder up to
500 files, and there are up to 10,000 rules. A file of the working folder may have come with somebody else's checkout. So
it may not say where messages go (`channels`, `heartbeat`), and neither it nor the files that it names may lead out of the
working folder by a path or a link.
"""
_TEMPLATES = """\
## Texts with values in them

Annotations and steps may hold `{{ value }}`, `{{ labels.mount }}` and the like. A value is printed in its unit; filters
behind a `|` print it otherwise: `{{ value | percent }}`. What is not known is `n/a`. Nothing in a text runs code.
"""
_BUILTIN = """\
## Rules that ship

`builtin:` chooses sets, and `override:` changes any key of a rule by its name; what is not named stays as it ships. A value that is
wrong stays as it ships too, but one that says for whom the rule is (`enabled`, `targets`, `labels`, `channels`, `escalate`,
`active_hours`) keeps the rule out of force until it is right, so that nobody is told whom you have not named; so does a key that
may be a misspelt one of these.

```yaml
alerts:
  builtin: [host, postgres, redis]
  override:
    postgres-connections: {warn: "> 70%", for: 5m}
    redis-hits: {enabled: false}
    host-disk: {targets: {environment: production}, runbook: https://wiki.example/disk}
```

Each rule says why it matters and names three things to look at first. They are in force for targets of their engine alone.
"""
_PARTS: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("targets", "Which targets: those that fit every key. A word or a list alone means names.", TargetsSpec),
    ("no_data, on_error", "What is made of missing figures, or of an evaluation that fails. A word alone is the policy.", MissingSpec),
    ("active_hours", "Times of the week; one entry or a list.", HoursSpec),
    ("escalate", "More channels when nobody acknowledges; one entry or a list.", EscalationSpec),
    ("inhibits", "Alerts that are not told while this one fires; one entry or a list.", InhibitSpec),
    ("damping", "How the telling is put off when an alert flaps.", DampingSpec),
    ("steps", "The first things to look at. A text alone has no command; `keys 2, r` means those keys.", StepSpec),
)


def alert_page() -> str:
    """Rules: their keys, texts, files, and those that ship."""
    keys = "## Keys of a rule\n\n" + _keys(RuleSpec)
    parts = [f"### {name}\n\n{about}\n\n{_keys(model)}" for name, about, model in _PARTS]
    maintenance = "## Maintenance\n\nUnder `alerts: maintenance:`, a list of times at which nobody is told.\n\n" + _keys(MaintenanceSpec)
    meanings = {**NAMES, "labels.NAME": "a label of the alert"}
    names = table(("in a text", "is"), ((f"`{name}`", meaning) for name, meaning in meanings.items()))
    filters = table(("filter", "prints"), ((f"`{found.name}`", found.help) for found in FILTERS.values()))
    return page("Alerts", _INTRO, _LEVELS, keys, *parts, maintenance, _FILES, _TEMPLATES, names, filters, _BUILTIN, *_builtin())


def _keys(model: type[BaseModel]) -> str:
    rows = ((f"`{found.key}`", _default(found), f"`{found.example}`", found.help) for found in option_help(model))
    return table(("key", "default", "example", "meaning"), rows)


def _default(option: OptionHelp) -> str:
    if option.required:
        return "required"
    return "" if option.default in {None, ()} else f"`{yaml_value(option.default)}`"


def _builtin() -> Iterator[str]:
    rules = load_book([], builtin=BUILTIN_SETS).rules
    for name in BUILTIN_SETS:
        rows = ((f"`{rule.name}`", _conditions(rule), _times(rule), rule.reason) for rule in rules if rule.builtin == name)
        yield f"### {name}\n\n" + table(("rule", "condition", "holds", "why"), rows)


def _conditions(rule: Rule) -> str:
    marks = {Level.INFO: "info", Level.WARNING: "warning", Level.CRITICAL: "critical"}
    lines = [f"{marks[trigger.level]}: `{trigger.condition.text}`" for trigger in reversed(rule.triggers)]
    if rule.clear is not None:
        lines.append(f"ends: `{rule.clear.text}`")
    return "<br>".join(lines)


def _times(rule: Rule) -> str:
    parts = [f"for {format_duration(rule.for_seconds)}"] if rule.for_seconds else []
    if rule.keep_firing_seconds:
        parts.append(f"and {format_duration(rule.keep_firing_seconds)} on")
    return ", ".join(parts)

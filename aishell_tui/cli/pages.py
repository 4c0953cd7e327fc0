"""The reference pages as Markdown: JSON shapes, metrics, configuration, commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Protocol, Union, cast, get_args, get_origin, get_type_hints

import typer.main

from aishell_core.catalogue import CATALOGUE
from aishell_tui.cli.alert_page import alert_page
from aishell_tui.cli.condition_page import conditions_page
from aishell_tui.cli.markdown import page, table
from aishell_tui.cli.promises import REPORTS
from aishell_tui.cli.reports.catalogue import thresholds_texts
from aishell_tui.config.load import VARIABLES
from aishell_tui.config.origin import Value
from aishell_tui.config.schema import SECTIONS, option_help, section_help, yaml_value

_JSON_NAMES: Mapping[object, str] = {
    object: "any value",
    str: "text",
    int: "number",
    float: "number",
    bool: "true or false",
    NoneType: "null",
}


def all_pages() -> dict[str, str]:
    """Every reference page by its file name."""
    return {
        "json.md": json_page(),
        "metrics.md": metrics_page(),
        "configuration.md": configuration_page(),
        "commands.md": commands_page(),
        "alerts.md": alert_page(),
        "alerts-conditions.md": conditions_page(),
    }


# JSON shapes


def type_name(kind: object) -> str:
    """A type as JSON has it: text, number, list of StatementRow, text or null."""
    origin = get_origin(kind)
    if origin in (UnionType, Union):
        return " or ".join(dict.fromkeys(type_name(part) for part in get_args(kind)))
    if origin is tuple:
        return f"list of {type_name(get_args(kind)[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"map of text to {type_name(get_args(kind)[1])}"
    if isinstance(kind, type) and is_dataclass(kind):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    return _JSON_NAMES[kind]


def nested(shape: type) -> list[type]:
    """The shapes inside a shape, each once, in the order in which they appear."""
    found: list[type] = []
    for kind in get_type_hints(shape).values():
        for part in _parts(kind):
            if part not in found:
                found.append(part)
                found.extend(inner for inner in nested(part) if inner not in found)
    return found


def _parts(kind: object) -> Iterator[type]:
    if isinstance(kind, type) and is_dataclass(kind):
        yield kind
    for part in get_args(kind):
        yield from _parts(part)


def shape_text(shape: type) -> str:
    """One shape as a table of its keys."""
    hints = get_type_hints(shape)
    rows = ((f"`{item.name}`", type_name(hints[item.name]), str(item.metadata["doc"])) for item in fields(shape))
    return f"### {shape.__name__}\n\n{shape.__doc__}\n\n" + table(("key", "type", "meaning"), rows)


def json_page() -> str:
    """What every --json prints."""
    intro = (
        "What commands print under `--json` is a promise: keys keep their names and meanings, and new ones may be added.\n"
        "Every number is in the unit that its name or its `unit` says; `null` is unknown, never zero; NaN is never printed.\n"
        "A shape goes to standard output as one document; an error goes to standard error as an ErrorReport,\n"
        "and each warning as a WarningReport on a line of its own."
    )
    rows = ((f"`{command}`" if command.startswith("aishell") else command, type_name(shape)) for command, shape in REPORTS)
    shapes = list(dict.fromkeys(part for _, shape in REPORTS for part in (shape, *nested(shape))))
    return page("JSON shapes", intro, table(("command", "shape"), rows), "## Shapes", *(shape_text(shape) for shape in shapes))


# Metrics


def metrics_page() -> str:
    """The catalogue of metrics."""
    intro = (
        "One vocabulary for all engines; what only one engine has stands under its name.\n"
        "A counter is read raw and shown as its rate. Thresholds are the defaults; `thresholds:` in the configuration\n"
        "changes them, and an engine's name before one means that it has its own. `aishell metrics --catalogue` prints the same."
    )
    rows = (
        (
            f"`{metric.name}`",
            metric.unit.value,
            metric.kind.value,
            ", ".join(metric.engines),
            *thresholds_texts(metric),
            metric.help,
        )
        for metric in CATALOGUE.values()
    )
    return page("Metrics", intro, table(("metric", "unit", "kind", "engines", "warning", "critical", "meaning"), rows))


# Configuration

_CONFIGURATION_INTRO = """\
aishell reads `config.yaml` in your configuration folder (`aishell config init` writes a starter there and says where),
then `.ai-shell/dashboard.yml` in the working folder. What is said later wins; a target of a later file replaces the one
of the same name as a whole. `--config FILE`, or `AISHELL_CONFIG`, names a file that is read alone. `AISHELL_HOME` moves
configuration, state and backups into one folder.

`aishell config validate` lists every error with file, line and the nearest valid name; `aishell config show --origin`
prints what is in force and where it came from; `aishell config schema` is a JSON schema for your editor.

```yaml
targets:
  - name: app
    url: sqlite:///srv/app/app.db
    environment: production
    tags: [shop]
    statement_log: /srv/app/app.db-statements.db
dashboard: {theme: night, interval: 1s}
thresholds:
  query.duration: {warning: 30s, critical: 5m}
```
"""
_ROLES = """\
## Who may do what

Nobody may do anything but read until `roles:` gives them a role; see [safety.md](safety.md) for roles, risks, protections
and the audit log. Users and groups are those of the operating system. A role may be bound to environments or targets,
and `actions` narrows it. The roles of a later file replace those of an earlier one as a whole; a file in the working
folder may not give any, because it may have come with somebody else's checkout.

```yaml
roles:
  - role: admin
    users: [ann]
  - role: operator
    groups: [oncall]
    environments: [production, staging]
  - role: developer
    groups: [shop]
    targets: [shop, shop-*]
```
"""
_SECRETS = """\
## Secrets

A password is better not in the file: `password: {env: NAME}`, `{file: PATH}` or `{command: [...]}` say where it comes
from. A command runs without a shell and only when the target is opened; a file in the working folder may not name one,
because it may have come with somebody else's checkout. A password in a URL is accepted with a warning. A file that
holds a secret and that others may read is warned about. No command prints a secret.

```yaml
targets:
  - name: orders
    url: postgresql://aishell@db.example/orders
    password: {env: ORDERS_PASSWORD}
    tls: verify-full
  - name: sessions
    url: rediss://cache.example/0
    password: {command: [pass, show, db/sessions]}
  - name: shop
    url_file: /run/secrets/shop-url
```
"""
_LATER = """\
## Keys of later versions

`tests` is the known name of a part that this version does not have: it gives a warning with its line, and the rest of the
file is read.
"""
_VARIABLES = (
    ("`AISHELL_HOME`", "the one folder of configuration, state and backups"),
    ("`AISHELL_CONFIG`", "the configuration file that is read alone"),
    ("`NO_COLOR`", "no colour codes, whatever the value"),
    ("`AISHELL_DEBUG`", "1 shows the traceback of a fault of aishell"),
)
_THRESHOLDS = """\
## Thresholds

A time takes a unit (`30s`), so does a size (`64MiB`); a ratio is `90%` or `0.9`; a count is a plain number. `off`
switches one off. What is left out keeps its default; [metrics.md](metrics.md) lists metrics and defaults.
"""


def configuration_page() -> str:
    """The configuration: files, keys, environment."""
    sections = []
    for name, model in SECTIONS:
        about = section_help(name)
        rows = ((f"`{found.key}`", _default(found.default, found.required), found.help) for found in option_help(model))
        sections.append(f"## {name}\n\n{about}\n\n" + table(("key", "default", "meaning"), rows))
    above = ((f"`{name}`", f"`{section}.{key}`, above the files") for name, (section, key) in VARIABLES.items())
    environment = "## Environment\n\n" + table(("variable", "sets"), iter((*above, *_VARIABLES)))
    return page("Configuration", _CONFIGURATION_INTRO, *sections, _THRESHOLDS, _ROLES, _SECRETS, _LATER, environment)


def _default(value: Value, required: bool) -> str:
    if required:
        return "required"
    return "" if value is None else f"`{yaml_value(value)}`"


# Commands


class Parameter(Protocol):
    """What the page needs of a command's option or argument."""

    name: str
    param_type_name: str
    opts: list[str]
    metavar: str | None
    help: str | None
    hidden: bool


class Command(Protocol):
    """What the page needs of a command; typer's own classes are private."""

    help: str | None
    epilog: str | None
    params: list[Parameter]


def command_tree() -> Iterator[tuple[str, Command]]:
    """Every command and group with its full name, the root first."""
    from aishell_tui.cli.tree import app

    yield from _walk("aishell", cast(Command, typer.main.get_command(app)))


def _walk(name: str, command: Command) -> Iterator[tuple[str, Command]]:
    yield name, command
    inner = cast("dict[str, Command]", getattr(command, "commands", {}))
    for word, below in inner.items():
        yield from _walk(f"{name} {word}", below)


def examples_of(command: Command) -> tuple[str, ...]:
    """The command lines of a command's examples."""
    text = (command.epilog or "").partition("Examples:\n")[2]
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def commands_page() -> str:
    """Every command with its options and examples."""
    intro = (
        "Every command answers `--help`. The one-shot commands print tables for people and, with `--json`, the shapes of\n"
        "[json.md](json.md) for scripts. Exit codes: 0 ok, 1 warning, 2 critical, 3 unknown, 64 wrong usage, 70 a fault of\n"
        "aishell, 74 files cannot be written, 77 not allowed or not confirmed, 78 wrong configuration, 130 interrupted.\n"
        "`aishell --install-completion` makes your shell complete commands, options and the names of your databases."
    )
    return page("Commands", intro, *(_command_text(name, command) for name, command in command_tree()))


def _command_text(name: str, command: Command) -> str:
    rows = ((_usage(option), str(option.help or "")) for option in command.params if not option.hidden and option.name != "help")
    about = (command.help or "").replace("\b\n", "")
    parts = [f"## {name}", about.strip()]
    options = table(("option", "meaning"), rows)
    if options.count("\n") > 1:
        parts.append(options)
    parts.append("```sh\n" + "\n".join(examples_of(command)) + "\n```")
    return "\n\n".join(parts)


def _usage(option: Parameter) -> str:
    if option.param_type_name == "argument":
        return f"`{option.metavar or option.name.upper()}`"
    return ", ".join(f"`{word}`" for word in option.opts) + (f" `{option.metavar}`" if option.metavar else "")

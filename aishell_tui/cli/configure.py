"""aishell config: make, check, show and describe the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import ExitCode
from aishell_tui.cli.arguments import ConfigOption, JsonOption, choice, configuration, examples, tell_warnings
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import say

if TYPE_CHECKING:
    # Loaded where it is used: --help and --version need none of it.
    from aishell_core.documents.problems import Problem

app = typer.Typer(
    help="Make, check and show the configuration.",
    rich_markup_mode=None,
    no_args_is_help=True,
    epilog=examples("aishell config init", "aishell config validate", "aishell config show --origin", "aishell config schema"),
)


@app.command("init", epilog=examples("aishell config init", "aishell config init --config ./aishell.yaml"))
def init(context: typer.Context, config: ConfigOption = None) -> int:
    """Write a starter file.

    Every option stands in it with its help, commented out; a file that exists is left alone.
    """
    from aishell_tui.config.save import write_new
    from aishell_tui.config.starter import starter_text
    from aishell_tui.places import find_places

    path = choice(context, config).config or find_places().config_file
    write_new(path, starter_text())
    say(f"wrote {path}; every line of it is a comment until you remove its #")
    return 0


@app.command(
    "validate",
    epilog=examples("aishell config validate", "aishell config validate ./aishell.yaml", "aishell config validate --json"),
)
def validate(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The file to check; else those that are in force.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Check the configuration.

    Lists all errors and warnings with file, line and what is valid there.

    The exit code is 0 when there is no error, 78 when there is one. Secrets are not fetched: a variable that is not set
    here is a warning, a secret file that does not exist an error.
    """
    from aishell_core.documents.problems import InvalidConfigError
    from aishell_tui.cli.reports.configuration import validate_report, validate_text
    from aishell_tui.config.alert_rules import read_rule_book
    from aishell_tui.config.backup_names import unknown_names
    from aishell_tui.config.load import load_config
    from aishell_tui.config.presence import missing_files, missing_variables
    from aishell_tui.config.roles import unknown_targets

    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()
    try:
        loaded = load_config(file or choice(context, config).config)
        book = read_rule_book(loaded, with_secrets=False)
        # A single file may name what another one configures.
        lost = () if file is not None else tuple(unknown_names(loaded))
        errors, files = (*missing_files(loaded), *book.errors), tuple(str(path) for path in loaded.files)
        warnings = (*loaded.warnings, *missing_variables(loaded), *unknown_targets(loaded), *lost, *book.warnings)
    except InvalidConfigError as error:
        errors = error.problems
        files = tuple(dict.fromkeys(problem.source for problem in errors))
    if json:
        say(to_json(validate_report(errors, warnings, files)))
    else:
        say(validate_text(errors, warnings, files))
    return ExitCode.CONFIG if errors else 0


@app.command(
    "show",
    epilog=examples("aishell config show", "aishell config show --origin", "AISHELL_THEME=day aishell config show --origin --json"),
)
def show(
    context: typer.Context,
    config: ConfigOption = None,
    origin: Annotated[
        bool, typer.Option("--origin", help="Say where each value came from: default, file:line, environment or option.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Every value that is in force; secrets are shown as ***."""
    from aishell_tui.cli.reports.configuration import effective_report, effective_text
    from aishell_tui.config.origin import effective_values

    chosen = choice(context, config)
    loaded = configuration(chosen)
    tell_warnings(chosen, loaded)
    values = effective_values(loaded)
    say(to_json(effective_report(values, loaded.files)) if json else effective_text(values, origin=origin))
    return 0


@app.command("schema", epilog=examples("aishell config schema", "aishell config schema > aishell.schema.json"))
def schema() -> int:
    """The JSON schema of the configuration.

    For editors that complete and check YAML.
    """
    from aishell_tui.config.schema import config_schema

    say(config_schema())
    return 0

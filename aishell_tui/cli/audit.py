"""aishell audit: who did what to which database, and whether the log of it is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import AishellError, ExitCode, UsageError
from aishell_tui.cli.arguments import JsonOption, complete_target, examples
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import say

if TYPE_CHECKING:
    # Loaded where it is used: --help and --version need none of it.
    from aishell_core.safety.audit_record import Link

app = typer.Typer(
    help="Show and check the audit log.\n\nWho did what to which database, and whether that is still all that was written.",
    rich_markup_mode=None,
    no_args_is_help=True,
    epilog=examples("aishell audit show", "aishell audit show --since 2h --target app", "aishell audit verify"),
)


@app.command("show", epilog=examples("aishell audit show", "aishell audit show --since 7d --target app", "aishell audit show --json"))
def show(
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="How far back: a time such as 2h or 7d, or a day such as 2026-11-21 (UTC).")
    ] = "24h",
    target: Annotated[
        str,
        typer.Option("--target", "-t", metavar="NAME", help="Of this target alone.", show_default=False, autocompletion=complete_target),
    ] = "",
    json: JsonOption = False,
) -> int:
    """Every attempt to act with its result.

    Who, where from, in which role, on which target, what, its risk, what was decided, how it ended. Literals of
    statements are keyed hashes: equal ones look equal, and none can be read.
    """
    import time

    from aishell_core.safety.audit_reading import read_audit
    from aishell_tui.cli.reports.audit import show_report, show_text
    from aishell_tui.places import find_places

    reading = read_audit(find_places().state, since=_moment(since, time.time()), target=target)
    say(to_json(show_report(reading)) if json else show_text(reading))
    return 0


@app.command("verify", epilog=examples("aishell audit verify", "aishell audit verify --json"))
def verify(
    expect: Annotated[
        str,
        typer.Option(
            "--expect",
            metavar="NUMBER:SIGNATURE",
            help="A record that an earlier check has printed and that must still be there.",
            show_default=False,
        ),
    ] = "",
    json: JsonOption = False,
) -> int:
    """Check that nothing in the audit log was edited, taken out, cut off or put in another order.

    The exit code is 0 when it is whole, 1 when there is something to look at (what a crash has left, an attempt without
    a result, times that go back, files that others may read), 2 when it is damaged.
    """
    import time

    from aishell_core.safety.audit_verify import NO_LOG
    from aishell_core.safety.audit_verify import verify as verify_log
    from aishell_tui.cli.reports.audit import verify_report, verify_text
    from aishell_tui.places import find_places

    found = verify_log(find_places().state, _link(expect) if expect else None, now=time.time())
    say(to_json(verify_report(found)) if json else verify_text(found))
    if found.damage:
        return int(ExitCode.CRITICAL)
    remarkable = found.unfinished or (found.remarks and found.remarks != (NO_LOG,))
    return int(ExitCode.WARNING if remarkable else ExitCode.OK)


def _moment(text: str, now: float) -> float:
    from datetime import UTC, datetime

    from aishell_core.units import parse_duration

    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        pass
    try:
        return now - parse_duration(text)
    except AishellError as error:
        raise UsageError(f"{text!r} is neither a time nor a day", "write 2h, 7d or 2026-11-21") from error


def _link(text: str) -> Link:
    from aishell_core.safety.audit_record import Link

    number, _, signature = text.partition(":")
    if not number.isdecimal() or len(signature) != 64:
        raise UsageError(f"{text!r} is no record's number and signature", "aishell audit verify prints them as NUMBER:SIGNATURE")
    return Link(int(number), signature)

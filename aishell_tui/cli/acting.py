"""What commands that act share: their options, and the question before something is done."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import RefusedError, UsageError
from aishell_core.safety.decision import Confirmation, Decision, Place
from aishell_core.safety.risk import Risk
from aishell_core.targets import Target
from aishell_tui.cli.terminal import note, printable

if TYPE_CHECKING:
    # Loaded when somebody acts.
    from aishell_core.safety.audit import AuditLog

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Answer the question before a single, harmless act with yes.")]
ConfirmOption = Annotated[
    str,
    typer.Option(
        "--confirm",
        metavar="NAME",
        help="The target's name, as the answer where it has to be typed: in production, for several at once, at high risk.",
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done and whether it is allowed, and do nothing.")]


def only_target(targets: tuple[Target, ...]) -> Target:
    """The one target that was asked for; raises UsageError where there are several."""
    if len(targets) == 1:
        return targets[0]
    names = ", ".join(str(target.name) for target in targets[:10])
    raise UsageError("this is done on one database at a time", f"name one with --database: {names}")


def tell_damaged_log(log: AuditLog, *, as_json: bool) -> None:
    """Say on standard error that what is recorded now stands behind something damaged; raises StateError where that cannot be read."""
    damage = log.damage()
    if not damage:
        return
    message = "THE AUDIT LOG IS DAMAGED, and what you do now is recorded behind the damage"
    hint = f"{damage}; aishell audit verify tells all of it"
    if as_json:
        from aishell_tui.cli.encode import to_json_line
        from aishell_tui.cli.shapes import WarningBody, WarningReport

        note(to_json_line(WarningReport(WarningBody(message, hint))))
    else:
        note(printable(f"aishell: warning: {message}"))
        note(printable(f"    hint: {hint}"))


def risk_line(risk: Risk) -> str:
    """A risk in one line."""
    reasons = f": {'; '.join(risk.reasons)}" if risk.reasons else ""
    return printable(f"risk {risk.level} ({', '.join(risk.actions)}){reasons}")


def answered(wanted: Confirmation, place: Place, question: str, *, yes: bool, typed: str, record_unanswered: Callable[[], object]) -> bool:
    """Whether the question that is wanted was answered, by an option or at the terminal; where nobody can be asked it was not.

    Raises UsageError for another target's name, and KeyboardInterrupt for who breaks off at the question, both after it
    has been recorded that nothing was done.
    """
    try:
        return _answered(wanted, place, question, yes=yes, typed=typed)
    except (UsageError, KeyboardInterrupt):
        record_unanswered()
        raise


def _answered(wanted: Confirmation, place: Place, question: str, *, yes: bool, typed: str) -> bool:
    if wanted is Confirmation.NONE:
        return True
    if typed:
        if typed != place.target:
            raise UsageError(f"--confirm {typed} is not the name of the target", f"it is {place.target}")
        return True
    if wanted is Confirmation.YES:
        return yes or asked(f"{question} on {place.described}? [y/N] ").lower() in {"y", "yes"}
    return asked(f"{question} on {place.described}: type {place.target} to go on: ") == place.target


@contextmanager
def how_to_confirm(decision: Decision, place: Place) -> Iterator[None]:
    """Let a refusal for want of an answer name the option that gives it."""
    try:
        yield
    except RefusedError as error:
        if not decision.allowed:
            raise
        option = f"--confirm {place.target}" if decision.confirmation is Confirmation.TYPED_NAME else "--yes"
        raise RefusedError(error.message, f"look at it with --dry-run; {option} goes on without a question") from error


def asked(question: str) -> str:
    """What somebody types at the terminal."""
    if sys.stdin is None or not sys.stdin.isatty():
        return ""
    with _interruptible():  # before the question stands there: whoever answers it at once by Ctrl-C is heard
        sys.stderr.write(printable(question))
        sys.stderr.flush()
        return sys.stdin.readline().strip()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a signal that would end the program end what blocks here: an event loop that stands still meanwhile only notes it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

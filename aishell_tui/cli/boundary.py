"""Where every error of a command becomes one message, one hint and one exit code."""

from __future__ import annotations

import errno
import os
import platform
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TextIO

from aishell_core.errors import AishellError, ExitCode
from aishell_tui.cli.terminal import note, printable

INTERRUPTED = 130
BROKEN_PIPE = 141
_DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
_NAMES = ("aishell", "ai-shell")
REPORT = "please report it with the text of that file"


class Command(Protocol):
    """What runs a command line: the command tree, or a quicker way for a plain one."""

    def __call__(self, *, args: Sequence[str], prog_name: str, standalone_mode: bool) -> object:
        """Carry it out; an integer is the exit code."""


def program_name(called: str) -> str:
    """The one of our two names by which the program was called; completion scripts are made for it."""
    name = Path(called).name
    return name if name in _NAMES else _NAMES[0]


def run(app: Command, arguments: Sequence[str], environ: Mapping[str, str] = os.environ, *, program: str = "aishell") -> int:
    """Run a command line; the exit code of the command, or that of its error, which has been told by then."""
    _soften(sys.stdout)
    _soften(sys.stderr)
    as_json = "--json" in arguments
    try:
        result = app(args=list(arguments), prog_name=program, standalone_mode=False)
        _flush()
        code = int(result) if isinstance(result, int) else 0
    except AishellError as error:
        message, hint = _words(error, as_json)
        code = _tell(error.code, message, hint, as_json, error.exit_code)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = BROKEN_PIPE
    except OSError as error:
        code = (
            _output_failed(error, as_json) if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO} else _crashed(error, as_json, environ)
        )
    except Exception as error:  # noqa: BLE001 - the outermost border: a fault of ours is told in one line and kept in a file
        code = _other(error, as_json, environ)
    if code == BROKEN_PIPE:
        _discard_output()
    return code


def _words(error: AishellError, as_json: bool) -> tuple[str, str]:
    """Message and hint; those of a configuration's problems stand in excerpts for people, which scripts cannot use."""
    if as_json:
        from aishell_core.documents.problems import InvalidConfigError

        if isinstance(error, InvalidConfigError):
            return error.plain
    return error.message, error.hint


def _other(error: Exception, as_json: bool, environ: Mapping[str, str]) -> int:
    """A fault of the command line, an interrupt in disguise, or a fault of ours."""
    typer = sys.modules.get("typer")
    if typer is not None:
        # typer hands on the faults of a command line as the common base of its own ones, which it does not export.
        fault: type[Exception] = typer.BadParameter.__mro__[2]
        if isinstance(error, fault):
            return _help_wanted(error) or _tell("usage", _fault_message(error), _fault_hint(error), as_json, ExitCode.USAGE)
        if isinstance(error, typer.Abort):
            return INTERRUPTED
    return INTERRUPTED if _interrupted(error) else _crashed(error, as_json, environ)


def _soften(stream: TextIO | None) -> None:
    """Characters that a terminal's encoding lacks are written as escapes, never as an error."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _tell(code: str, message: str, hint: str, as_json: bool, exit_code: int) -> int:
    try:
        if as_json:
            from aishell_tui.cli.encode import to_json
            from aishell_tui.cli.shapes import ErrorBody, ErrorReport

            note(to_json(ErrorReport(ErrorBody(code, message, hint))))
        else:
            note("aishell: " + "\n".join(printable(line) for line in message.splitlines()))
            if hint:
                note("hint: " + "\n".join(printable(line) for line in hint.splitlines()))
    except OSError:
        # Standard error is gone as well: the exit code alone has to say it.
        pass
    return exit_code


def _interrupted(error: BaseException) -> bool:
    """Whether an interrupt lies under an error: some parts of Python wrap whatever goes wrong inside them."""
    cause: BaseException | None = error
    seen: set[int] = set()
    # An error that is raised again out of its own consequence closes a circle.
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, KeyboardInterrupt):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False


def _help_wanted(fault: Exception) -> int:
    """A group of commands that is called without one answers with its help."""
    message = _fault_message(fault)
    if not message.startswith("Usage:"):
        return 0
    note(message)
    return ExitCode.USAGE


def _fault_message(fault: Exception) -> str:
    formatted = getattr(fault, "format_message", None)
    return str(formatted()).rstrip(".") if formatted is not None else str(fault)


def _fault_hint(fault: Exception) -> str:
    context = getattr(fault, "ctx", None)
    path = getattr(context, "command_path", "aishell")
    return f"{path} --help lists what there is"


def _output_failed(error: OSError, as_json: bool) -> int:
    _discard_output()
    return _tell("state", f"standard output cannot be written: {error.strerror}", "", as_json, ExitCode.STATE)


def _crashed(error: BaseException, as_json: bool, environ: Mapping[str, str]) -> int:
    if environ.get("AISHELL_DEBUG") == "1":
        traceback.print_exception(error)
        return ExitCode.SOFTWARE
    where = _keep_crash(error, environ)
    hint = f"what happened is in {where}; {REPORT}" if where else "AISHELL_DEBUG=1 shows where; please report it"
    message = f"this should not have happened: {type(error).__name__}: {error}"
    return _tell("error", message.splitlines()[0], hint, as_json, ExitCode.SOFTWARE)


def _keep_crash(error: BaseException, environ: Mapping[str, str]) -> Path | None:
    """The file with the traceback, which holds no values of variables; None when the state folder cannot be written."""
    from aishell_tui.places import find_places, make_private

    try:
        folder = make_private(find_places(environ).state / "crashes")
        path = folder / time.strftime(f"crash-%Y%m%d-%H%M%S-{os.getpid()}.txt", time.gmtime())
        about = f"python {platform.python_version()} on {platform.platform()}\narguments: {len(sys.argv) - 1}\n\n"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(about + "".join(traceback.format_exception(error)))
    except (AishellError, OSError):
        return None
    return path


def _discard_output() -> None:
    """Point standard output at nothing, so that the interpreter's own last flush says nothing."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
    except OSError:
        return


def leave(code: int) -> int:
    """The exit code, at the end of the process: a thread that hangs in a dead file system must not keep it alive."""
    lingering = [thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon]
    if lingering:
        try:
            _flush()
        except OSError:
            _discard_output()
        os._exit(code)
    return code

"""Where secrets come from: environment, file, command; and whether a file that holds one is closed to others."""

from __future__ import annotations

import os
import re
import selectors
import shlex
import stat
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from aishell_core.errors import ConfigError
from aishell_core.targets import Obstacle, Secret

_COMMAND_SECONDS = 10.0
_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LARGEST_KIB = 64
"""No password, token or key is larger; a file without end would be read until the memory is full."""


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """The value of an environment variable."""

    name: str

    def describe(self) -> str:
        """The source in words."""
        return f"environment variable {self.name}"


@dataclass(frozen=True, slots=True)
class FromFile:
    """The content of a regular file of 64 KiB at most, without its last line end."""

    path: Path

    def describe(self) -> str:
        """The source in words."""
        return f"file {self.path}"


@dataclass(frozen=True, slots=True)
class FromCommand:
    """What a command prints, without its last line end; it is run without a shell."""

    arguments: tuple[str, ...]

    def describe(self) -> str:
        """The source in words."""
        return f"command {shlex.join(self.arguments)}"


SecretSource = FromEnvironment | FromFile | FromCommand


def resolve(source: SecretSource, environ: Mapping[str, str] = os.environ) -> Secret:
    """The secret itself; raises ConfigError that says why it cannot be had and never holds any part of it."""
    match source:
        case FromEnvironment(name):
            return Secret(_from_environment(name, environ))
        case FromFile(path):
            return Secret(_from_file(path))
        case FromCommand(arguments):
            return Secret(_from_command(arguments, environ))


def expand(text: str, environ: Mapping[str, str]) -> str:
    """The text with each ${NAME} replaced from the environment; raises ConfigError for a name that is not set."""
    return _REFERENCE.sub(lambda found: _from_environment(found[1], environ), text)


def unset_variable(text: str, environ: Mapping[str, str]) -> Obstacle | None:
    """What keeps a text with ${NAME} in it from being expanded, None when nothing does."""
    try:
        expand(text, environ)
    except ConfigError as error:
        return Obstacle(error.message, error.hint)
    return None


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "")
    if not value:
        state = "empty" if name in environ else "not set"
        raise ConfigError(f"the environment variable {name} is {state}", f"export {name}=... before aishell starts")
    return value


def _from_file(path: Path) -> str:
    try:
        raw = _bytes_of(path)
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"the secret file {path} is not UTF-8") from error
    except OSError as error:
        raise ConfigError(f"the secret file {path} cannot be read: {error.strerror or error}", "check the path and its mode") from error
    except ValueError as error:
        raise ConfigError(f"the secret file {str(path)!r} cannot be read: {error}", "check the path") from error
    if len(raw) > _LARGEST_KIB << 10:
        raise ConfigError(f"the secret file {path} is larger than {_LARGEST_KIB} KiB", "it must hold the secret and nothing else")
    if not text.strip():
        raise ConfigError(f"the secret file {path} is empty", "write the secret into its first line")
    return text.removesuffix("\n").removesuffix("\r")


def _bytes_of(path: Path) -> bytes:
    """The file's bytes, one more than are allowed at most; of a pipe or a device none, which would be waited for or never end."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ConfigError(
                f"the secret file {path} is no regular file", "write the secret into a file, or name a command that prints it"
            )
        return file.read((_LARGEST_KIB << 10) + 1)


def _from_command(arguments: tuple[str, ...], environ: Mapping[str, str]) -> str:
    program = arguments[0]
    try:
        code, raw = _printed(arguments, environ)
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"the secret command {program} did not end within {_COMMAND_SECONDS:.0f} s", "it must not ask for input"
        ) from error
    except OSError as error:
        raise ConfigError(f"the secret command {program} cannot be run: {error.strerror or error}", "check its path") from error
    if len(raw) > _LARGEST_KIB << 10:
        raise ConfigError(f"the secret command {program} printed more than {_LARGEST_KIB} KiB", "it must print the secret and nothing else")
    if code != 0:
        raise ConfigError(f"the secret command {program} failed with exit code {code}", "run it by hand to see why")
    text = raw.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
    if not text:
        raise ConfigError(f"the secret command {program} printed nothing", "it must print the secret on standard output")
    return text


def _printed(arguments: tuple[str, ...], environ: Mapping[str, str]) -> tuple[int, bytes]:
    """The exit code, and what was printed, one byte more than is allowed at most: who prints without end is stopped there."""
    until = time.monotonic() + _COMMAND_SECONDS
    nothing = subprocess.DEVNULL
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=nothing, stderr=nothing, env=dict(environ)) as process:
        try:
            raw = _read_until(process, until)
            if len(raw) <= _LARGEST_KIB << 10:
                process.wait(max(0.0, until - time.monotonic()))
        finally:
            process.kill()
        return process.wait(), raw


def _read_until(process: subprocess.Popen[bytes], until: float) -> bytes:
    raw, pipe = bytearray(), cast("IO[bytes]", process.stdout)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while len(raw) <= _LARGEST_KIB << 10:
            if not selector.select(max(0.0, until - time.monotonic())):
                raise subprocess.TimeoutExpired(process.args, _COMMAND_SECONDS)
            chunk = os.read(pipe.fileno(), (_LARGEST_KIB << 10) + 1 - len(raw))
            if not chunk:
                break
            raw += chunk
    return bytes(raw)


def readable_by_others(path: Path) -> int | None:
    """The file's mode when its group or others may touch it, else None; what is gone or no regular file holds no secret."""
    try:
        found = path.stat().st_mode
    except (OSError, ValueError):
        return None
    return stat.S_IMODE(found) if stat.S_ISREG(found) and found & _OTHERS else None

"""Writing a target into a configuration file without touching the user's comments and formatting."""

from __future__ import annotations

import fcntl
import glob
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from aishell_core.documents.document import decode, parse_document, plain_scalar
from aishell_core.documents.masking import has_written_secret
from aishell_core.errors import ConfigError, StateError, UsageError
from aishell_core.targets import Environment, Location, file_url
from aishell_core.url_places import split_url
from aishell_tui.config.check import check_document
from aishell_tui.config.fields import Surroundings
from aishell_tui.config.models import ConfigSpec
from aishell_tui.places import make_folder
from themes.load import theme_names

_PLAIN = re.compile(r"[A-Za-z0-9_./][\w./@:?=&+%~-]*")
_NEW_FILE_MODE = 0o600
_NEW_SUFFIX = ".new"
_LOCK_SUFFIX = ".lock"
_CHECK_DISK = "check the folder's mode and the space on the disk"


@dataclass(frozen=True, slots=True)
class NewTarget:
    """A target that is about to be written: its URL without a password, and the variable that will hold the password."""

    name: str
    url: str
    environment: Environment | None = None
    password_variable: str = ""

    def lines(self, indent: str) -> list[str]:
        """The YAML of this target as an item of the list of targets."""
        entries = [f"name: {scalar(self.name)}", f"url: {scalar(self.url)}"]
        if self.password_variable:
            entries.append(f"password: {{env: {self.password_variable}}}")
        if self.environment is not None:
            entries.append(f"environment: {self.environment}")
        return [f"{indent}- {entries[0]}", *(f"{indent}  {entry}" for entry in entries[1:])]


def new_target(name: str, url: str, location: Location, environment: Environment | None) -> NewTarget:
    """What to write for a URL: a file by its whole path, a password only as the name of a variable.

    Raises UsageError where an option of the URL is a secret, for which the file has no other place.
    """
    if location.path is not None:
        options = split_url(url).query if "://" in url else ""
        _refuse_secret(f"?{options}")
        return NewTarget(name, file_url(location.engine, location.path, options), environment)
    bare, variable = url, ""
    if location.password is not None:
        bare = _without_password(url)
        variable = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").upper() + "_PASSWORD"
        variable = f"DB_{variable}" if not variable[0].isalpha() else variable
    _refuse_secret(bare)
    return NewTarget(name, bare, environment, variable)


def _without_password(url: str) -> str:
    netloc = split_url(url).netloc
    userinfo, at, host = netloc.rpartition("@")
    bare = url.replace(netloc, f"{userinfo.partition(':')[0]}{at}{host}", 1) if netloc else url
    place, _, query = bare.partition("?")
    options = [option for option in query.split("&") if option and not option.startswith("password=")]
    return f"{place}?{'&'.join(options)}" if options else place


def _refuse_secret(url: str) -> None:
    if has_written_secret(url):
        raise UsageError(
            "an option of this URL is a secret, and a secret is not written into a file in clear",
            "keep the whole URL elsewhere and write url_file or url_command by hand",
        )


def add_target(path: Path, target: NewTarget, environ: Mapping[str, str]) -> None:
    """Add a target to a file, which is made when it is missing; the file is replaced in one step, by one process at a time.

    Raises UsageError for a name that is there already, ConfigError for a file that is wrong or cannot be edited by a
    program, StateError when it cannot be written.
    """
    real = Path(os.path.realpath(path))
    with alone(real):
        sweep(real)
        _add(path, real, target, environ)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock beside a file, so that what another process adds between our reading and writing is not lost."""
    make_folder(path.parent)
    name = path.with_name(f".{path.name}{_LOCK_SUFFIX}")
    try:
        lock = _locked(name)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror or error}", _CHECK_DISK) from error
    try:
        yield
    finally:
        # Removed while it is held: whoever waits for it sees that it is no longer the file of that name.
        name.unlink(missing_ok=True)
        os.close(lock)


def _locked(name: Path) -> int:
    """A descriptor that holds the lock file; raises OSError where there can be none."""
    while True:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _NEW_FILE_MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock), name.stat()):
                    return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def sweep(path: Path) -> None:
    """Remove what saves that died midway left; called under the lock, so none of them is being written."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{_NEW_SUFFIX}"):
        with suppress(OSError):
            left.unlink()


def _add(path: Path, real: Path, target: NewTarget, environ: Mapping[str, str]) -> None:
    raw = real.read_bytes() if real.exists() else b""
    text = decode(str(path), raw)
    around = Surroundings(path.parent, environ)
    before = checked_text(path, text, around)
    if any(spec.name == target.name for spec in before.targets):
        raise UsageError(f"{path} has a target named {target.name!r} already", "choose another name")
    newline = "\r\n" if "\r\n" in text else "\n"
    after = newline.join([*_with_target(text.splitlines(), text, target), ""])
    then = checked_text(path, after, around)
    if then.model_copy(update={"targets": then.targets[:-1]}) != before or then.targets[-1].name != target.name:
        raise ConfigError(f"{path} cannot be edited by a program", "add by hand:\n" + "\n".join(target.lines("  ")))
    mark = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
    replace_file(real, mark + after.encode())


def checked_text(path: Path, text: str, around: Surroundings) -> ConfigSpec:
    """What a text says as a configuration file; raises InvalidConfigError."""
    if not text.strip():
        return ConfigSpec()
    return check_document(parse_document(str(path), text), around, theme_names()).spec


def _with_target(lines: list[str], text: str, target: NewTarget) -> list[str]:
    """The lines of the file with the target's below the last one of its list."""
    root = yaml.compose(text, Loader=yaml.SafeLoader) if text.strip() else None
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next(((key, value) for key, value in pairs if key.value == "targets"), None)
    if found is None:
        gap = [""] if lines and lines[-1].strip() else []
        return [*lines, *gap, "targets:", *target.lines("  ")]
    key, value = found
    if not isinstance(value, yaml.SequenceNode):
        return _after(lines, key.end_mark.line, target.lines("  "))
    if value.flow_style and value.value:
        raise ConfigError("the list of targets is written in brackets", "add by hand:\n" + "\n".join(target.lines("  ")))
    if value.flow_style:
        start, end = value.start_mark, value.end_mark
        cut = lines[start.line][: start.column].rstrip() + lines[end.line][end.column :]
        return [*lines[: start.line], cut, *target.lines("  "), *lines[end.line + 1 :]]
    last = last_line(value)
    while not lines[last].strip():
        last -= 1
    return _after(lines, last, target.lines(" " * value.start_mark.column))


def _after(lines: list[str], number: int, new: list[str]) -> list[str]:
    return [*lines[: number + 1], *new, *lines[number + 1 :]]


def last_line(node: yaml.Node) -> int:
    """The last line with content of a value: a block's own end mark stands behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return max(last_line(part) for part in (last if isinstance(last, tuple) else (last,)))
    end = node.end_mark
    return int(end.line - 1 if end.column == 0 and end.line > node.start_mark.line else end.line)


def scalar(text: str) -> str:
    """A text as YAML, in quotes where it would be read as something else."""
    plain = _PLAIN.fullmatch(text) and not text.endswith(":") and plain_scalar(text) == text
    return text if plain else f'"{"".join(map(_quoted, text))}"'


def _quoted(character: str) -> str:
    # JSON writes what lies beyond U+FFFF as two halves, which YAML does not put together again.
    return json.dumps(character)[1:-1] if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def replace_file(path: Path, content: bytes) -> None:
    """Write the file beside its place, then move it there, so that no reader ever sees half of it."""
    make_folder(path.parent)
    mode = path.stat().st_mode & 0o7777 if path.exists() else _NEW_FILE_MODE
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_NEW_SUFFIX, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror or error}", _CHECK_DISK) from error


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet, readable by its owner alone; raises UsageError when it is there."""
    make_folder(path.parent)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _NEW_FILE_MODE)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already", "edit it, or name another file by --config") from error
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror or error}", _CHECK_DISK) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)

"""Reading a YAML file into plain values without losing where each of them stands."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from aishell_core.documents.masking import MASK, is_secret_name, mask_line, mask_service
from aishell_core.documents.problems import InvalidConfigError, Problem

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
KeyPath = tuple[str | int, ...]

_LARGEST_BYTES = 1 << 20
_MOST_VALUES = 100_000
_MOST_CHARACTERS = 4 << 20
_DEEPEST = 50
_WIDEST = 120
_LONGEST_LINE = 5_000
"""Characters of a line of which an excerpt is shown."""
_LONGEST_MESSAGE = 1_000
_SLOWLY_READ = 200_000
"""Characters that are read once more by the slow reader, for its better words about an error."""
_STARTER = "aishell config init writes a starter file"
_QUOTED_URL = re.compile(r"['\"][a-z][a-z0-9.+-]*://", re.IGNORECASE)
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")}
_WORDS: Mapping[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Span:
    """Where something stands: line and column from 1, and its length on that line."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content as plain values, with the place of each key and each value."""

    source: str
    lines: tuple[str, ...] = ()
    content: Plain = None
    keys: Mapping[KeyPath, Span] = field(default_factory=dict)
    values: Mapping[KeyPath, Span] = field(default_factory=dict)

    def span(self, path: KeyPath, *, of_key: bool = False) -> Span | None:
        """The place of a value (or of its key); that of the nearest enclosing one where it has none itself."""
        if of_key and path in self.keys:
            return self.keys[path]
        for length in range(len(path), -1, -1):
            if path[:length] in self.values:
                return self.values[path[:length]]
        return None

    def problem(self, path: KeyPath, what: str, hint: str = "", *, of_key: bool = False) -> Problem:
        """A problem at the place of a value, or of its key."""
        span = self.span(path, of_key=of_key)
        if span is None:
            return Problem(self.source, _cut(_without_secrets(what)), _cut(hint))
        secret = not of_key and self._is_written_secret(path)
        return self.problem_at(span, what, hint, cut=of_key, secret=secret)

    def _is_written_secret(self, path: KeyPath) -> bool:
        """Whether a value is, or lies in, one that a secret's key holds in clear, rather than a reference to it."""
        value = self.content
        for step in path:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
                if is_secret_name(step) and not isinstance(value, dict):
                    return True
            elif isinstance(value, list) and isinstance(step, int):
                value = value[step]
        return False

    def problem_at(self, span: Span, what: str, hint: str = "", *, cut: bool = False, secret: bool = False) -> Problem:
        """A problem at a place; `cut` leaves out what follows it on the line, `secret` masks it."""
        excerpt = self._excerpt(span, cut=cut, secret=secret)
        return Problem(self.source, _cut(_without_secrets(what)), _cut(hint), span.line, span.column, excerpt)

    def _excerpt(self, span: Span, *, cut: bool, secret: bool) -> str:
        if not 0 < span.line <= len(self.lines):
            return ""
        line = self.lines[span.line - 1]
        if len(line) > _LONGEST_LINE:
            return ""
        before = self.lines[span.line - 2] if span.line > 1 else ""
        start, end = span.column - 1, span.column - 1 + span.length
        if secret:
            line = line[:start] + MASK
        elif cut:
            line = line[:end] + (": …" if line[end:].strip() not in {"", ":"} else line[end:])
        masked = mask_line(line, before)
        if masked != line:
            start = min(start, len(mask_line(line[:start], before)), max(0, len(masked) - 1))
        length = max(1, min(span.length, len(masked) - start))
        return _draw(masked, span.line, start, length)


def _without_secrets(what: str) -> str:
    """A message that may quote a URL, wherever in the file somebody has put it."""
    return mask_service(what) if _QUOTED_URL.search(what) is not None else what


def _cut(text: str) -> str:
    """A message that quotes a long value, at a readable length."""
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"


def _draw(line: str, number: int, start: int, length: int) -> str:
    """The numbered line with a caret below, cut to a readable width around the caret, harmless for a terminal."""
    text = "".join(character if character.isprintable() else " " for character in line)
    if len(text) > _WIDEST:
        left = max(0, min(start - _WIDEST // 3, len(text) - _WIDEST))
        text, start = text[left : left + _WIDEST], start - left
        length = min(length, len(text) - start)
    caret = "^" + "~" * (max(1, length) - 1)
    return f"    {number:>4} | {text.rstrip()}\n         | {' ' * start}{caret}"


def leads_out_of(path: Path, folder: Path | None) -> bool:
    """Whether a path, its links followed, lies outside of a folder; None is any folder."""
    return folder is not None and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def read_document(path: Path, *, only_regular: bool = False, hint: str = _STARTER) -> Document:
    """The document in a file; raises InvalidConfigError when it cannot be read or is no YAML, with `hint` where nothing is in it.

    With `only_regular` nothing but a regular file is opened: a pipe would be waited for, a device read without end.
    """
    source = str(path)
    try:
        if path.is_dir():
            raise _refused(source, "this is a folder, not a file", f"name the file in it, such as {path / 'config.yaml'}")
        raw = _bytes_of(path, only_regular)
    except FileNotFoundError as error:
        raise _refused(source, "there is no such file", hint) from error
    except OSError as error:
        raise _refused(source, f"the file cannot be read: {error.strerror or error}", "check its owner and its mode") from error
    if len(raw) > _LARGEST_BYTES:
        raise _refused(source, f"the file is larger than {_LARGEST_BYTES >> 20} MiB, so it is no configuration of aishell")
    return parse_document(source, decode(source, raw), hint)


def _bytes_of(path: Path, only_regular: bool) -> bytes:
    """The file's bytes, one more than are allowed at most, so that a file without end is no danger."""
    # Opening a pipe waits for its writer, unless it is said that nobody wants to wait.
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (os.O_NONBLOCK if only_regular else 0))
    with os.fdopen(handle, "rb") as file:
        if only_regular and not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _refused(str(path), "this is no regular file", "name a file of YAML")
        return file.read(_LARGEST_BYTES + 1)


def decode(source: str, raw: bytes) -> str:
    """The text of a file; raises InvalidConfigError with the place of the first byte that is not UTF-8."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        problem = Problem(source, f"byte 0x{raw[error.start]:02x} is not UTF-8", "save the file as UTF-8", line, column)
        raise InvalidConfigError([problem]) from error


def parse_document(source: str, text: str, hint: str = _STARTER) -> Document:
    """The document in a text; raises InvalidConfigError for YAML that cannot be understood, with all duplicate keys at once."""
    if not text.strip():
        raise _refused(source, "the file is empty", hint)
    bare = Document(source, tuple(text.splitlines()))
    node = _compose(text, bare)
    if node is None:
        return bare
    keys: dict[KeyPath, Span] = {}
    values: dict[KeyPath, Span] = {}
    problems: list[Problem] = []
    reader = _Reader(bare, keys, values, problems)
    content = reader.read(node, (), ())
    if problems:
        raise InvalidConfigError(problems)
    return Document(source, bare.lines, content, keys, values)


def _refused(source: str, what: str, hint: str = "") -> InvalidConfigError:
    return InvalidConfigError([Problem(source, what, hint)])


def _compose(text: str, bare: Document) -> yaml.Node | None:
    fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        try:
            _refuse_what_is_not_plain(text, bare, fast)
            return yaml.compose(text, Loader=fast)
        except yaml.YAMLError:
            if len(text) > _SLOWLY_READ:
                raise
            # libyaml words its messages otherwise, so every error is told by the one written in Python.
            return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise InvalidConfigError([_syntax_problem(bare, error)]) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        span = Span(before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
        raise InvalidConfigError([bare.problem_at(span, "a control character is not allowed in YAML", "remove it")]) from error
    except RecursionError as error:
        raise InvalidConfigError([Problem(bare.source, "the values are nested too deeply")]) from error


def _refuse_what_is_not_plain(text: str, bare: Document, loader: type[yaml.SafeLoader]) -> None:
    """Raise InvalidConfigError for tags that ask for more than plain values, and for depths at which libyaml overruns its stack."""
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            continue
        if isinstance(event, yaml.NodeEvent) and (tag := getattr(event, "tag", None)) is not None and tag not in _PLAIN_TAGS:
            what = f"the tag {_shown_tag(tag)} is not allowed: only plain values are read"
            raise InvalidConfigError([bare.problem_at(_start(event), what, "remove the tag, or put a text that begins with ! in quotes")])
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise InvalidConfigError(
                    [bare.problem_at(_start(event), "the values are nested too deeply", f"{_DEEPEST} levels are allowed")]
                )


def _shown_tag(tag: str) -> str:
    return repr(tag.replace("tag:yaml.org,2002:", "!!", 1)[:60])


def _start(event: yaml.Event) -> Span:
    mark = event.start_mark
    return Span(mark.line + 1, mark.column + 1) if mark is not None else Span(1, 1)


def _syntax_problem(bare: Document, error: yaml.MarkedYAMLError) -> Problem:
    what = re.sub(r"alias '.*'", "alias", error.problem or "not understood", flags=re.DOTALL)
    hint = "put the value in quotes if it holds one of : # { } [ ] , & * ! | > ' \" % @ `"
    if "'\\t'" in what:
        what, hint = "a tab cannot start a value; YAML is indented by spaces", "replace the tab by spaces"
    elif "mapping values are not allowed" in what:
        what = "a colon with a space behind it cannot stand inside a value"
    elif "unexpected end of stream" in what and error.context_mark is not None:
        what, hint = "the quote that opens here is never closed", "close it on the same line"
        error.problem_mark = error.context_mark
    elif "stream end" in what and (opened := _unclosed(bare, error)) is not None:
        what, hint = "the bracket that opens here is never closed", "close it, or put the value in quotes"
        error.problem_mark = opened
    elif "stream end" in what:
        what, hint = "the file ends where a value is wanted", "close the brackets that are open, or write the value"
    elif "another document" in what:
        what, hint = "a second document begins here", "keep everything in one document, without a line of ---"
    elif "expected <block end>" in what:
        what, hint = "this line does not fit the lines above it", "check its indentation and the quotes before it"
    else:
        what = f"YAML cannot be understood here: {what}"
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Problem(bare.source, what, hint)
    if mark.line < len(bare.lines):
        return bare.problem_at(Span(mark.line + 1, mark.column + 1), what, hint)
    # The end of the file is behind its last line with something in it.
    last = max((number for number, line in enumerate(bare.lines, 1) if line.strip()), default=1)
    return bare.problem_at(Span(last, len(bare.lines[last - 1].rstrip()) + 1), what, hint)


def _unclosed(bare: Document, error: yaml.MarkedYAMLError) -> yaml.Mark | None:
    """Where the bracket opens that the end of the file leaves open, None where the error is about something else."""
    mark = error.context_mark
    if mark is None or mark.line >= len(bare.lines):
        return None
    return mark if bare.lines[mark.line][mark.column : mark.column + 1] in {"[", "{"} else None


class _Reader:
    """Turns nodes into plain values while it notes where they stand and which keys stand twice."""

    def __init__(self, bare: Document, keys: dict[KeyPath, Span], values: dict[KeyPath, Span], problems: list[Problem]) -> None:
        self._bare, self._keys, self._values, self._problems = bare, keys, values, problems
        self._count = self._characters = 0

    def read(self, node: yaml.Node, path: KeyPath, above: tuple[int, ...]) -> Plain:
        self._count += 1
        if id(node) in above:
            raise InvalidConfigError([self._bare.problem_at(_span(node), "an alias repeats itself without end", "write the value out")])
        if self._count > _MOST_VALUES:
            what = f"the file has more than {_MOST_VALUES:,} values, those of aliases counted each time"
            raise InvalidConfigError([self._bare.problem_at(_span(node), what, "spread them over several files, and use fewer aliases")])
        self._values[path] = _span(node)
        if isinstance(node, yaml.ScalarNode):
            self._characters += len(node.value)
            if self._characters > _MOST_CHARACTERS:
                what = f"the file has more than {_MOST_CHARACTERS:,} characters, those of aliases counted each time"
                raise InvalidConfigError([self._bare.problem_at(_span(node), what, "write long texts once, not as aliases")])
            # libyaml gives "" and Python None as the style of a word without quotes
            return str(node.value) if node.style else plain_scalar(node.value)
        inside = (*above, id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index), inside) for index, item in enumerate(node.value)]
        return {name: self.read(value, (*path, name), inside) for name, value in self._pairs(node, path)}

    def _pairs(self, node: yaml.Node, path: KeyPath) -> Iterator[tuple[str, yaml.Node]]:
        lines: dict[str, int] = {}
        for key, value in node.value:
            span = _span(key)
            if not isinstance(key, yaml.ScalarNode):
                self._problems.append(self._bare.problem_at(span, "a key must be a single word"))
                continue
            name = str(key.value)
            if name in lines:
                what = f"the key {name!r} stands twice; first in line {lines[name]}"
                self._problems.append(self._bare.problem_at(span, what, "keep one of them", cut=True))
                continue
            lines[name] = span.line
            self._keys[(*path, name)] = span
            yield name, value


def plain_scalar(text: str) -> bool | int | float | str | None:
    """The value of a word without quotes, by the rules of YAML 1.2: yes, no, on and off are words, not booleans."""
    lower = text.lower()
    if lower in _WORDS:
        return _WORDS[lower]
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= 18 else text
    return float(text) if _FLOAT.fullmatch(text) else text


def _span(node: yaml.Node) -> Span:
    start, end = node.start_mark, node.end_mark
    length = end.column - start.column if end.line == start.line else 1
    if not isinstance(node, yaml.ScalarNode):
        length = 1
    return Span(start.line + 1, start.column + 1, max(1, length))

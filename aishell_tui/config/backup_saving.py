"""Writing the `backup:` section of a file: what the user wrote besides stays as it is, and nothing wrong is ever written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from aishell_core.documents.document import Plain, decode, parse_document, plain_scalar
from aishell_core.documents.problems import InvalidConfigError, nearest
from aishell_core.errors import ConfigError, StateError, UsageError
from aishell_tui.config.backups import BackupSpec
from aishell_tui.config.fields import Surroundings
from aishell_tui.config.save import alone, checked_text, last_line, replace_file, scalar, sweep

SECTION = "backup"
Values = dict[str, Plain]

_TEXTS = {"retention": "within", "storage": "url", "cloud": "url"}
"""Parts for which a text alone may stand, and the key that it stands for."""
_SECRETS = ("passphrase", "identities", "credentials")


def read_assignment(text: str) -> tuple[tuple[str, ...], Plain]:
    """The key, in its parts, and the value that somebody wants to have set by KEY=VALUE; raises UsageError.

    A value is read as it would be in YAML: a word, a list in [brackets], keys in {braces}.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text}: a key and a value are wanted", "write it as in retention=30d")
    keys, found = key_parts(name), _value(name, value.strip())
    if any(key in _SECRETS for key in keys) and not isinstance(found, dict | list) and keys[-1] not in {"env", "file", "command"}:
        raise UsageError(f"{name.strip()} is a secret, and a secret is not written into a file in clear", f"{name.strip()}.env=NAME")
    return keys, found


def key_parts(name: str) -> tuple[str, ...]:
    """The parts of a key of the section, whose own name may stand before it; raises UsageError naming the nearest one."""
    keys = tuple(name.strip().removeprefix(f"{SECTION}.").split("."))
    if keys[0] == "backups":
        raise UsageError("jobs are not set by keys", "aishell backup config edit opens the file; aishell backup schedule makes a schedule")
    if keys[0] not in BackupSpec.model_fields or not all(keys):
        raise UsageError(f"there is no key {name.strip()!r}", nearest(keys[0], BackupSpec.model_fields))
    return keys


def _value(name: str, text: str) -> Plain:
    if not text.startswith(("[", "{", '"', "'")):
        return plain_scalar(text)
    try:
        content = parse_document("the command line", f"value: {text}").content
    except InvalidConfigError as error:
        what = error.problems[0].what
        raise UsageError(f"the value of {name.strip()} is no YAML: {what}", "write it as in [a, b] or {within: 30d}") from error
    return content.get("value") if isinstance(content, dict) else None


def assigned(values: Values, keys: tuple[str, ...], value: Plain) -> Values:
    """The section with one value set; a text that stood for a part becomes the key that it stood for. Pure."""
    first, *rest = keys
    if not rest:
        return {**values, first: value}
    before = values.get(first)
    if isinstance(before, str) and first in _TEXTS:
        before = {_TEXTS[first]: before}
    return {**values, first: assigned(before if isinstance(before, dict) else {}, tuple(rest), value)}


def without(values: Values, keys: tuple[str, ...]) -> Values:
    """The section without one of its values, which need not be there. Pure."""
    first, *rest = keys
    left = {key: value for key, value in values.items() if key != first}
    inner = values.get(first)
    if not rest or not isinstance(inner, dict):
        return left if not rest else values
    smaller = without(inner, tuple(rest))
    return {**values, first: smaller} if smaller else left


def change_section(path: Path, change: Callable[[Values], Values], environ: Mapping[str, str]) -> bool:
    """Change the section in a file, which is made when it is missing, in one step and by one process at a time.

    Whether that changed anything. Raises InvalidConfigError where the file is wrong or would be, ConfigError where it cannot be
    edited by a program, StateError when it cannot be written.
    """
    real = Path(os.path.realpath(path))
    with alone(real):
        sweep(real)
        raw = real.read_bytes() if real.exists() else b""
        text, around = decode(str(path), raw), Surroundings(path.parent, environ)
        checked_text(path, text, around)
        content = _content(path, text)
        before = content.get(SECTION)
        values = before if isinstance(before, dict) else {}
        after = change(values)
        if after == values:
            return False
        newline = "\r\n" if "\r\n" in text else "\n"
        new = newline.join([*_with_section(text, values, after), ""]) if after or len(content) > 1 or _comments(text) else ""
        expected = {**content, SECTION: after} if after else {key: value for key, value in content.items() if key != SECTION}
        if _content(path, new) != expected:
            by_hand = "\n".join([f"{SECTION}:", *(f"  {key}: {_flow(value)}" for key, value in after.items())])
            raise ConfigError(f"{path} cannot be edited by a program", f"write by hand:\n{by_hand}")
        checked_text(path, new, around)
        if not new.strip():
            # An empty file is no configuration, and would be told of at every start.
            real.unlink(missing_ok=True)
            return True
        replace_file(real, (b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b"") + new.encode())
        return True


def replace_text(path: Path, before: str, text: str, environ: Mapping[str, str]) -> None:
    """Put an edited text in the place of a file's own; raises InvalidConfigError, and StateError where the file has changed meanwhile."""
    real = Path(os.path.realpath(path))
    with alone(real):
        sweep(real)
        checked_text(path, text, Surroundings(path.parent, environ))
        if (decode(str(path), real.read_bytes()) if real.exists() else "") != before:
            raise StateError(f"{path} was changed by somebody else meanwhile", "edit it again; nothing was written")
        replace_file(real, text.encode())


def file_text(path: Path) -> str:
    """What stands in a file, nothing where there is none; raises InvalidConfigError for bytes that are no text."""
    return decode(str(path), path.read_bytes()) if path.exists() else ""


def _content(path: Path, text: str) -> Values:
    content = parse_document(str(path), text).content if text.strip() else None
    return content if isinstance(content, dict) else {}


def _comments(text: str) -> bool:
    return any(line.lstrip().startswith("#") for line in text.splitlines())


def _with_section(text: str, before: Values, after: Values) -> list[str]:
    """The lines of the file with the section as it is to be: only lines of keys that differ are touched."""
    lines = text.splitlines()
    root = yaml.compose(text, Loader=yaml.SafeLoader) if text.strip() else None
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next(((key, value) for key, value in pairs if key.value == SECTION), None)
    if found is None:
        gap = [""] if lines and lines[-1].strip() else []
        return [*lines, *gap, f"{SECTION}:", *(f"  {key}: {_flow(value)}" for key, value in after.items())]
    key, value = found
    first, last = key.start_mark.line, max(last_line(value), key.end_mark.line)
    if not after:
        return [*lines[:first], *lines[last + 1 :]]
    if not isinstance(value, yaml.MappingNode) or value.flow_style:
        block = [f"{SECTION}:", *(f"  {name}: {_flow(each)}" for name, each in after.items())]
        return [*lines[:first], *block, *lines[last + 1 :]]
    indent = " " * value.start_mark.column
    spans = {each.value: (each.start_mark.line, max(last_line(inner), each.end_mark.line)) for each, inner in value.value}
    new = [f"{indent}{name}: {_flow(after[name])}" for name in after if name not in before]
    changed = {name: span for name, span in spans.items() if name not in after or after[name] != before.get(name)}
    kept: list[str] = []
    for number, line in enumerate(lines):
        name = next((each for each, (begin, end) in changed.items() if begin <= number <= end), None)
        if name is None:
            kept.append(line)
        elif number == changed[name][0] and name in after:
            kept.append(f"{indent}{name}: {_flow(after[name])}{_comment(line) if changed[name][0] == changed[name][1] else ''}")
        if number == last:
            kept += new
    return kept


def _comment(line: str) -> str:
    """What is said behind a value on its line; a # within quotes begins no comment, and then nothing is kept of it."""
    _, mark, said = line.partition(" #")
    return f"  #{said}" if mark and not {'"', "'"} & set(said) else ""


def _flow(value: Plain) -> str:
    """A value in YAML's one-line form."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return scalar(value)
        case list():
            return f"[{', '.join(map(_flow, value))}]"
    return f"{{{', '.join(f'{key}: {_flow(item)}' for key, item in value.items())}}}"

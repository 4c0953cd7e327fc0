"""The files that every MySQL client reads: option files, and login paths that are veiled rather than encrypted."""

from __future__ import annotations

import re
import stat
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aishell_core.engines.mysql_errors import MysqlError
from aishell_core.values import FailureCode

_LINE = re.compile(r"\s*([\w.-]+)\s*(?:=\s*(.*))?$")
_ESCAPES: Mapping[str, str] = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "\\": "\\", "s": " ", '"': '"', "'": "'"}
_ESCAPED = re.compile(r"\\(.)")
_DEEPEST = 10
_MOST_BYTES = 2**20
_KEY_BYTES = 20
_BLOCK = 16


class Entry(NamedTuple):
    """An option: its group, its name with dashes, its value, and the file with the line where it stands."""

    group: str
    name: str
    value: str
    place: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Options:
    """What option files say, in the order in which they are read; `remark` says why one of them was not read."""

    entries: tuple[Entry, ...] = ()
    remark: str = ""

    def of(self, groups: Collection[str]) -> dict[str, str]:
        """The options of several groups together; what is read later wins."""
        return {entry.name: entry.value for entry in self.entries if entry.group in groups}

    def place_of(self, name: str, value: str) -> str:
        """The file and line of an option with this value; "" where none says it."""
        return next((entry.place for entry in reversed(self.entries) if (entry.name, entry.value) == (name, value)), "")

    def has(self, group: str) -> bool:
        """Whether there is such a group."""
        return any(entry.group == group for entry in self.entries)


def option_files(environ: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """Where options are looked for, in the order of the server's own clients: a later file wins.

    As in the manual, 4.2.2.2 Using Option Files.
    """
    found = [Path("/etc/my.cnf"), Path("/etc/mysql/my.cnf")]
    found += [Path(environ[name]) / "my.cnf" for name in ("MYSQL_HOME", "MARIADB_HOME") if environ.get(name)]
    return (*found, home / ".my.cnf")


def read_options(files: Sequence[Path]) -> Options:
    """The options of the files that are there; one that everybody may write is left alone, as every client does."""
    entries: list[Entry] = []
    lines: list[str] = []
    remarks = [remark for path in files if (remark := _read_into(entries, lines, path, 0))]
    return Options(tuple(entries), "; ".join(dict.fromkeys((*remarks, *lines))))


def _read_into(entries: list[Entry], remarks: list[str], path: Path, depth: int) -> str:
    """Add one file and all that it includes, and remarks about lines that cannot be used; gives one where the file cannot be."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            return ""
        if status.st_mode & stat.S_IWOTH:
            return f"{path} was not read, because everybody may write to it: chmod o-w {path}"
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except PermissionError:
        return f"{path} may not be read by this user"
    except (OSError, ValueError):
        return ""
    group, groupless = "", False
    for number, line in enumerate(text.splitlines(), 1):
        stripped, place = line.strip(), f"{path}:{number}"
        if stripped.startswith("!"):
            for included in _included(stripped) if depth < _DEEPEST else ():
                _read_into(entries, remarks, included, depth + 1)
        elif stripped.startswith("["):
            name, closing, _ = stripped[1:].partition("]")
            group = name.strip().lower() if closing else ""
            if not closing:
                remarks.append(f"{place} begins a group and lacks its ], so the lines behind it are passed over")
                groupless = True
        elif (option := option_line(stripped)) is not None and group:
            entries.append(Entry(group, *option, place))
        elif option is not None and not groupless:
            remarks.append(f"{place} stands in no group, so it is passed over: write [client] above it")
            groupless = True
    return ""


def _included(line: str) -> Iterator[Path]:
    word, _, place = line.partition(" ")
    path = Path(place.strip())
    if word == "!include":
        yield path
    elif word == "!includedir":
        with suppress(OSError):
            yield from sorted(path.glob("*.cnf"))


def option_line(line: str) -> tuple[str, str] | None:
    """Name and value of one line, an option without a value has "1"; None for a comment and for what is no option.

    Dashes and underscores are the same, `loose-` means nothing here, `skip-` and `disable-` switch off.
    """
    if not line or line[0] in "#;":
        return None
    found = _LINE.match(line)
    if found is None:
        return None
    name = found[1].lower().replace("_", "-").removeprefix("loose-")
    for off in ("skip-", "disable-"):
        if name.startswith(off) and found[2] is None:
            return name.removeprefix(off), "0"
    return name, "1" if found[2] is None else _value(found[2].strip())


def _value(text: str) -> str:
    """A value without a comment behind it, the quotes around it and its escapes; in quotes `#` begins no comment.

    As `find_end_comment` and what follows it in mysys/my_default.c of the servers' clients.
    """
    bare = text[: _end(text)].rstrip()
    if len(bare) > 1 and bare[0] in "\"'" and bare[0] == bare[-1]:
        bare = bare[1:-1]
    return _ESCAPED.sub(lambda escape: _ESCAPES.get(escape[1], escape[0]), bare)


def _end(text: str) -> int:
    """Where a comment begins behind a value, else the end."""
    quote, escaped = "", False
    for place, sign in enumerate(text):
        if sign in "\"'" and not escaped and quote in {"", sign}:
            quote = "" if quote else sign
        elif sign == "#" and not quote:
            return place
        escaped = bool(quote) and sign == "\\" and not escaped
    return len(text)


def login_file(environ: Mapping[str, str], home: Path) -> Path:
    """Where login paths are kept."""
    return Path(environ["MYSQL_TEST_LOGIN_FILE"]) if environ.get("MYSQL_TEST_LOGIN_FILE") else home / ".mylogin.cnf"


def read_login_paths(path: Path) -> Options:
    """The login paths of a file, by name; none where there is no file. Raises MysqlError for one that cannot be read.

    The file is four unused bytes, a key of 20 bytes, and for each line its length and the line in AES-128 (ECB), as
    mysql_config_editor writes it; the cipher's key is the exclusive or of all parts of the written one.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Options()
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            return Options(remark=f"{path} was not read, because others may read it: chmod 600 {path}")
        data = path.read_bytes()
    except FileNotFoundError:
        return Options()
    except OSError as error:
        raise MysqlError(
            FailureCode.MISSING, f"the login paths in {path} cannot be read: {error.strerror}", "check its owner and mode"
        ) from error
    text = unveiled(data, str(path))
    entries: list[Entry] = []
    group = ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            group = stripped[1:-1]
        elif group and (option := option_line(stripped)) is not None:
            entries.append(Entry(group, *option))
    return Options(tuple(entries))


def unveiled(data: bytes, name: str) -> str:
    """The text of a file of login paths; raises MysqlError for one that is none, and where there is no cipher."""
    key = bytearray(_BLOCK)
    for place, byte in enumerate(data[4 : 4 + _KEY_BYTES]):
        key[place % _BLOCK] ^= byte
    lines: list[bytes] = []
    at = 4 + _KEY_BYTES
    while at + 4 <= len(data):
        (length,) = struct.unpack_from("<i", data, at)
        piece = data[at + 4 : at + 4 + length]
        if length <= 0 or length % _BLOCK or len(piece) != length:
            raise MysqlError(FailureCode.DAMAGED, f"{name} holds no login paths", "write it anew with mysql_config_editor set")
        lines.append(_deciphered(bytes(key), piece, name))
        at += 4 + length
    return b"".join(lines).decode("utf-8", "surrogateescape")


def _deciphered(key: bytes, data: bytes, name: str) -> bytes:
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    except ImportError as error:
        raise MysqlError(
            FailureCode.UNSUPPORTED,
            f"the login paths in {name} need the package cryptography to be read",
            "pip install cryptography, or write user and password into [client] of ~/.my.cnf",
        ) from error
    cipher = Cipher(algorithms.AES(key), modes.ECB()).decryptor()  # noqa: S305 - the file's own format
    plain = cipher.update(data) + cipher.finalize()
    padding = plain[-1]
    if not 1 <= padding <= _BLOCK or plain[-padding:] != bytes([padding]) * padding:
        raise MysqlError(FailureCode.DAMAGED, f"{name} holds no login paths", "write it anew with mysql_config_editor set")
    return plain[:-padding]

"""The file of passwords that every PostgreSQL client reads."""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_FIELD = re.compile(r"((?:\\.|[^\\:])*):")
_PASSWORD = re.compile(r"(?:\\.|[^\\:]|\\$)*")
_ESCAPED = re.compile(r"\\(.)")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, repr=False)
class PasswordLine:
    """One line of the password file; `*` fits everything."""

    host: str
    port: str
    database: str
    user: str
    password: str


@dataclass(frozen=True, slots=True, repr=False)
class PasswordFile:
    """The lines of a password file, and why it was not read, if so."""

    lines: tuple[PasswordLine, ...] = ()
    remark: str = ""

    def password(self, hosts: Sequence[str], port: int, database: str, user: str) -> str | None:
        """The password of the first line that fits one of the names of a host."""
        for line in self.lines:
            fits = zip((line.port, line.database, line.user), (str(port), database, user), strict=True)
            if (line.host == "*" or line.host in hosts) and all(have in {"*", wanted} for have, wanted in fits):
                return line.password
        return None


def read_passwords(path: Path) -> PasswordFile:
    """The password file; one that others may read is left alone, as every client does."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return PasswordFile()
        if status.st_mode & _OTHERS:
            return PasswordFile(remark=f"{path} was not read, because others may read it: chmod 600 {path}")
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except PermissionError:
        return PasswordFile(remark=f"{path} may not be read by this user")
    except (OSError, ValueError):
        return PasswordFile()
    return PasswordFile(tuple(line for each in text.split("\n") if (line := password_line(each.rstrip("\r"))) is not None))


def password_line(text: str) -> PasswordLine | None:
    """Host, port, database, role and password, parted by colons; a backslash takes a sign as it is. None for another line.

    A further colon ends the password.
    """
    if text.startswith("#"):
        return None
    fields: list[str] = []
    at = 0
    while len(fields) < 4 and (found := _FIELD.match(text, at)):
        fields.append(_ESCAPED.sub(r"\1", found[1]))
        at = found.end()
    password = found[0] if len(fields) == 4 and (found := _PASSWORD.match(text, at)) else ""
    if not password:
        return None
    host, port, database, user = fields
    return PasswordLine(host, port, database, user, _ESCAPED.sub(r"\1", password))

"""The two files that every PostgreSQL client reads: passwords and services."""

from __future__ import annotations

import configparser
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.values import FailureCode

_FIELD = re.compile(r"((?:\\.|[^\\:])*):")
_ESCAPED = re.compile(r"\\(.)")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SYSTEM_FOLDERS = ("/etc/postgresql-common", "/etc", "/usr/local/etc")


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
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except PermissionError:
        return PasswordFile(remark=f"{path} may not be read by this user")
    except (OSError, ValueError):
        return PasswordFile()
    return PasswordFile(tuple(line for each in text.splitlines() if (line := password_line(each)) is not None))


def password_line(text: str) -> PasswordLine | None:
    """Host, port, database, role and password, parted by colons; a backslash takes a sign as it is. None for another line."""
    if text.startswith("#"):
        return None
    fields: list[str] = []
    at = 0
    while len(fields) < 4 and (found := _FIELD.match(text, at)):
        fields.append(_ESCAPED.sub(r"\1", found[1]))
        at = found.end()
    if len(fields) < 4 or not text[at:]:
        return None
    host, port, database, user = fields
    return PasswordLine(host, port, database, user, _ESCAPED.sub(r"\1", text[at:]))


def service_files(environ: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """Where services may be described: the user's file first, then the system's."""
    own = Path(environ["PGSERVICEFILE"]) if environ.get("PGSERVICEFILE") else home / ".pg_service.conf"
    folders = (environ["PGSYSCONFDIR"],) if environ.get("PGSYSCONFDIR") else _SYSTEM_FOLDERS
    return (own, *(Path(folder) / "pg_service.conf" for folder in folders))


def read_service(name: str, files: Sequence[Path]) -> dict[str, str]:
    """The settings of a service; raises PostgresError where no file describes it or one cannot be read."""
    looked = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise PostgresError(FailureCode.MISSING, f"the service file {path} cannot be read: {error}") from error
        looked.append(str(path))
        parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",), delimiters=("=",), empty_lines_in_values=False)
        try:
            parser.read_string(text, source=str(path))
        except configparser.Error as error:
            raise PostgresError(FailureCode.MISSING, f"{path} is no service file", "write [name], and host=… below it") from error
        if parser.has_section(name):
            return dict(parser.items(name))
    where = f"not described in {', '.join(looked)}" if looked else f"unknown: there is no file {files[0]}"
    raise PostgresError(FailureCode.MISSING, f"the service {name!r} is {where}", f"write [{name}], and host=… below it")

"""The file of services, read line by line as libpq reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.values import FailureCode

_SYSTEM_FOLDERS = ("/etc/postgresql-common", "/etc", "/usr/local/etc")
_BLANKS = " \t\r\v\f"
_LDAP = "ldap"


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
            # Names and passwords may be in any encoding.
            text = path.read_bytes().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise PostgresError(FailureCode.MISSING, f"the service file {path} cannot be read: {error}") from error
        looked.append(str(path))
        found = service_settings(name, text, str(path))
        if found is not None:
            return found
    where = f"not described in {', '.join(looked)}" if looked else f"unknown: there is no file {files[0]}"
    raise PostgresError(FailureCode.MISSING, f"the service {name!r} is {where}", f"write [{name}], and host=… below it")


def service_settings(name: str, text: str, source: str) -> dict[str, str] | None:
    """The settings below `[name]`, None where there is no such line; raises PostgresError for a line that is no setting.

    Blanks around a line count for nothing, those around `=` belong to name and value. Of several sections of one name the first
    counts, and in it the first value of a setting. What stands in other sections is not judged.
    """
    found: dict[str, str] | None = None
    for number, whole in enumerate(text.split("\n"), 1):
        line = whole.strip(_BLANKS)
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if found is not None:
                break
            found = {} if line[1:].startswith(f"{name}]") else None
        elif found is not None:
            key, value = _setting(line, f"line {number} of {source}")
            found.setdefault(key, value)
    return found


def _setting(line: str, where: str) -> tuple[str, str]:
    key, equals, value = line.partition("=")
    if line.startswith(_LDAP):
        raise PostgresError(FailureCode.UNSUPPORTED, f"{where} asks a directory (LDAP)", "write host=… and what else it tells there")
    if not equals or key != key.strip(_BLANKS):
        what = "has blanks before its =" if equals else "is no setting"
        raise PostgresError(FailureCode.MISSING, f"{where} {what}", "write one name=value per line, as in host=db1")
    if key == "service":
        raise PostgresError(FailureCode.UNSUPPORTED, f"{where} names another service", "write its settings there")
    return key, value

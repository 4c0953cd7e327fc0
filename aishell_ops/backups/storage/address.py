"""How people name a storage: a folder's path or a cloud's URL; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from aishell_core.errors import ConfigError
from aishell_core.targets import Secret


class StorageKind(StrEnum):
    """What a storage is."""

    FOLDER = "folder"
    S3 = "s3"
    AZURE = "azure"
    GCS = "gcs"


@dataclass(frozen=True, slots=True)
class StorageAddress:
    """Where a storage is. `bucket` is Azure's container; `options` are the driver's own words, such as a region.

    `secrets` are options that are never shown; what neither says comes from the environment, as the clouds' own tools have it.
    """

    kind: StorageKind
    path: Path | None = None
    bucket: str = ""
    prefix: str = ""
    options: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, Secret], ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        if self.path is not None:
            return str(self.path)
        prefix = f"/{quote(self.prefix)}" if self.prefix else ""
        return f"{_SCHEMES[self.kind]}://{self.bucket}{prefix}"


_SCHEMES = {StorageKind.S3: "s3", StorageKind.AZURE: "az", StorageKind.GCS: "gs"}
_KINDS = {
    "file": StorageKind.FOLDER,
    "s3": StorageKind.S3,
    "s3a": StorageKind.S3,
    "az": StorageKind.AZURE,
    "azure": StorageKind.AZURE,
    "abfs": StorageKind.AZURE,
    "gs": StorageKind.GCS,
    "gcs": StorageKind.GCS,
}
OPTIONS: dict[StorageKind, tuple[str, ...]] = {
    StorageKind.FOLDER: (),
    StorageKind.S3: ("endpoint", "region", "virtual_hosted_style_request"),
    StorageKind.AZURE: ("endpoint", "account_name"),
    StorageKind.GCS: ("base_url",),
}
"""What may stand in a URL behind the question mark, or beside the bucket in the configuration."""
SECRETS: dict[StorageKind, tuple[str, ...]] = {
    StorageKind.FOLDER: (),
    StorageKind.S3: ("access_key_id", "secret_access_key", "session_token"),
    StorageKind.AZURE: ("account_key", "sas_token", "client_id", "client_secret", "tenant_id"),
    StorageKind.GCS: ("service_account_key",),
}
"""What may stand in the configuration alone, by reference, and never in a URL."""


def parse_storage(text: str, base: Path | None = None) -> StorageAddress:
    """A storage from a path (relative to `base`, `~` is the home folder) or from a URL such as s3://bucket/prefix?region=eu-central-1.

    Raises ConfigError naming the nearest valid word; a secret in a URL is refused, and not repeated.
    """
    if "://" not in text:
        return _folder(text, base)
    parts = urlsplit(text)
    kind = _KINDS.get(parts.scheme.lower())
    if kind is None:
        near = get_close_matches(parts.scheme.lower(), _KINDS, 1, 0.5)
        hint = f"did you mean {near[0]}://?" if near else f"a path, or one of {', '.join(f'{one}://' for one in ('s3', 'az', 'gs'))}"
        raise ConfigError(f"{parts.scheme}:// is no storage for backups", hint)
    if kind is StorageKind.FOLDER:
        return _folder(unquote(parts.path), base)
    if not parts.netloc or "@" in parts.netloc:
        raise ConfigError(f"{_SCHEMES[kind]}:// wants the name of a bucket behind it, and no user", f"{_SCHEMES[kind]}://BUCKET/FOLDER")
    options = tuple(parse_qsl(parts.query))
    for name, _ in options:
        _expect_option(kind, name)
    return StorageAddress(kind, bucket=parts.netloc, prefix=unquote(parts.path).strip("/"), options=options)


def cloud_address(
    word: str, bucket: str, prefix: str, options: tuple[tuple[str, str], ...], secrets: tuple[str, ...] = ()
) -> StorageAddress:
    """A bucket of a cloud from single words, as a configuration has them; raises ConfigError naming the nearest valid word."""
    kind = _KINDS.get(word.lower())
    if kind is None or kind is StorageKind.FOLDER:
        words = ("s3", "azure", "gcs")
        near = get_close_matches(word.lower(), words, 1, 0.5)
        raise ConfigError(f"{word!r} is no kind of bucket", f"did you mean {near[0]}?" if near else f"one of {', '.join(words)}")
    if not bucket.strip() or "/" in bucket:
        raise ConfigError(f"{bucket!r} cannot be the name of a bucket", "a folder in it is its prefix")
    # What the clouds' drivers call it: GCS has another word for the same.
    named = tuple(("base_url" if (kind, name) == (StorageKind.GCS, "endpoint") else name, value) for name, value in options)
    for name, _ in named:
        _expect_option(kind, name)
    expect_secrets(kind, secrets)
    return StorageAddress(kind, bucket=bucket, prefix=prefix.strip("/"), options=named)


def expect_secrets(kind: StorageKind, names: tuple[str, ...]) -> None:
    """Raise ConfigError for a name that is no secret of this kind of storage."""
    for name in names:
        if name not in SECRETS[kind]:
            near = get_close_matches(name, SECRETS[kind], 1)
            known = f"known are {', '.join(SECRETS[kind])}" if SECRETS[kind] else "a folder needs none"
            raise ConfigError(f"{name} is no key of {kind.value}", f"did you mean {near[0]}?" if near else known)


def _folder(text: str, base: Path | None) -> StorageAddress:
    if not text.strip():
        raise ConfigError("the folder for backups is empty", "name a folder, or a bucket such as s3://BUCKET/FOLDER")
    return StorageAddress(StorageKind.FOLDER, path=(base or Path.cwd()) / Path(text).expanduser())


def _expect_option(kind: StorageKind, name: str) -> None:
    if name in OPTIONS[kind]:
        return
    if name in SECRETS[kind]:
        raise ConfigError(
            f"{name} is a secret and may not stand in a URL", "put it into the configuration by reference, or into the environment"
        )
    near = get_close_matches(name, OPTIONS[kind], 1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(OPTIONS[kind])}"
    raise ConfigError(f"{name} is no option of {_SCHEMES[kind]}://", hint)

"""From the configuration, the environment and a command's options to how one backup is made and where it goes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from aishell_core.errors import ConfigError, UsageError
from aishell_core.targets import Secret
from aishell_ops.backups.models import Compression, Encryption, Format, Method, ProofLevel
from aishell_ops.backups.retention import Policy
from aishell_ops.backups.storage.address import StorageAddress, StorageKind
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_tui.config.backup_environment import retention_in_force
from aishell_tui.config.backup_layers import LoadedBackups, LoadedJob
from aishell_tui.config.backups import BackupSpec, EncryptionSpec, JobSpec, StorageSpec
from aishell_tui.config.fields import Surroundings
from aishell_tui.config.secret_sources import FromFile, resolve
from aishell_tui.places import find_places

NO_INCREMENTS = "incremental backups cannot be made by this version"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants other than it is configured; None and empty mean as it is configured."""

    job: str = ""
    compression: Compression | None = None
    level: int | None = None
    encrypt: bool | None = None
    format: Format | None = None
    tables: tuple[str, ...] = ()
    proof: ProofLevel | None = None
    verify: bool | None = None
    folder: Path | None = None
    cloud: bool = False
    method: Method | None = None
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How a backup is made: it goes to the first storage, and copies of it to the others."""

    storages: tuple[StorageAddress, ...]
    job: str = ""
    compression: Compression = Compression.ZSTD
    level: int | None = None
    encrypted: bool = False
    format: Format = Format.NATIVE
    tables: tuple[str, ...] = ()
    proof: ProofLevel = ProofLevel.COUNTS
    verify: bool = True
    policy: Policy = field(default=Policy())
    method: str = ""
    jobs: int = 1
    incremental: bool = False


def expect_full(settings: Settings) -> None:
    """Refuse what is not there yet instead of making something else; raises UsageError."""
    if settings.incremental:
        whose = f"the job {settings.job} wants them" if settings.job else "they were asked for"
        raise UsageError(f"{NO_INCREMENTS}, and {whose}", "leave incremental out for full ones")


class BackupSettings:
    """What the configuration says of backups; secrets are fetched when they are asked for, and not before."""

    def __init__(self, loaded: LoadedBackups, environ: Mapping[str, str] = os.environ) -> None:
        self._loaded = loaded
        self._environ = environ

    @property
    def jobs(self) -> Mapping[str, LoadedJob]:
        """The jobs by name."""
        return self._loaded.jobs

    def of(self, wish: Wish) -> Settings:
        """How a backup is to be made; raises UsageError for a wish that cannot be fulfilled, ConfigError for a wrong variable."""
        spec, job = self._loaded.spec, self._job(wish.job)
        chosen = job.spec if job is not None else None
        compression = wish.compression or (chosen.compression_wanted if chosen else None) or spec.compression
        method = wish.method or (chosen.method if chosen else None)
        configured = chosen.retention.policy if chosen and chosen.retention is not None else self._default_policy()
        return Settings(
            storages=tuple(dict.fromkeys(self._storages(wish, job))),
            job=wish.job,
            compression=compression,
            level=wish.level if wish.level is not None else _level(spec, chosen, compression),
            encrypted=_first(wish.encrypt, chosen.encrypt if chosen else None, spec.encrypt),
            format=wish.format or (chosen.format if chosen else None) or spec.format,
            tables=wish.tables or (chosen.tables if chosen else ()),
            proof=wish.proof or (chosen.proof if chosen else None) or _usual_proof(spec, method),
            verify=_first(wish.verify, chosen.verify if chosen else None, spec.verify),
            policy=configured,
            method=method or "",
            jobs=wish.jobs or (chosen.jobs if chosen else None) or 1,
            incremental=chosen.incremental if chosen else False,
        )

    def known_storages(self) -> tuple[StorageAddress, ...]:
        """Every storage in which backups may lie, the usual one first; each once, without secrets."""
        found = dict.fromkeys([self._default_storage(), *self._named_storages()])
        return tuple(found)

    def with_secrets(self, address: StorageAddress) -> StorageAddress:
        """A storage with its credentials; raises ConfigError where they cannot be had."""
        for spec, around in self._specs():
            if spec.credentials and spec.address(around) == address:
                fetched = tuple((name, resolve(secret.source, around.environ)) for name, secret in spec.credentials.items())
                return replace(address, secrets=fetched)
        return address

    def recipe(self, settings: Settings) -> tuple[Recipe, bytes | None]:
        """How the streams are made, and the content of `key.age` where a passphrase opens the backup; raises ConfigError."""
        recipe = Recipe(settings.compression, settings.level)
        if not settings.encrypted:
            return recipe, None
        encryption, around = self._encryption()
        if encryption.passphrase is not None:
            from aishell_ops.backups.streams.encryption import key_behind

            phrase = resolve(encryption.passphrase.source, around.environ)
            how, locked = key_behind(phrase)
            return replace(recipe, encryption=how, passphrase=phrase), locked
        if not encryption.recipients:
            raise ConfigError(
                "backups are to be encrypted, and nobody is named who could open them",
                "add to the configuration:\nbackup:\n  encryption:\n    recipients: [age1...]    # age-keygen makes a pair of keys",
            )
        from aishell_ops.backups.streams.encryption import recipient

        for text in encryption.recipients:
            recipient(text)
        return replace(recipe, encryption=Encryption(recipients=encryption.recipients)), None

    def keys(self, files: tuple[Path, ...] = ()) -> Keys:
        """What opens encrypted backups: the configured keys and those in the files. Raises ConfigError where one cannot be had."""
        encryption, around = self._encryption()
        identities = [resolve(secret.source, around.environ) for secret in encryption.identities]
        identities += [resolve(FromFile(path)) for path in files]
        phrase: Secret | None = None
        if encryption.passphrase is not None:
            phrase = resolve(encryption.passphrase.source, around.environ)
        return Keys(tuple(identities), phrase)

    def _encryption(self) -> tuple[EncryptionSpec, Surroundings]:
        return self._loaded.spec.encryption, self._loaded.around.get("encryption", Surroundings(Path.cwd(), self._environ))

    def _job(self, name: str) -> LoadedJob | None:
        """The job of a name; a name that no job has is a label of one's own."""
        return self._loaded.jobs.get(name)

    def _storages(self, wish: Wish, job: LoadedJob | None) -> tuple[StorageAddress, ...]:
        local: tuple[StorageAddress, ...] = ()
        if wish.folder is not None:
            local = (StorageAddress(StorageKind.FOLDER, path=wish.folder.expanduser().absolute()),)
        if wish.cloud:
            return (*local, self._cloud())
        if local:
            return local
        if job is None:
            return (self._default_storage(),)
        own = (job.spec.storage.address(job.around),) if job.spec.storage is not None else ()
        if job.spec.cloud:
            return (*own, self._cloud())
        return own or (self._default_storage(),)

    def _cloud(self) -> StorageAddress:
        found = self._spec_of("cloud")
        if found is None:
            raise UsageError("no cloud storage is configured", "add to the configuration:\nbackup:\n  cloud: s3://BUCKET/FOLDER")
        return found[0].address(found[1])

    def _default_storage(self) -> StorageAddress:
        found = self._spec_of("storage")
        if found is not None and not self._environ.get("AI_SHELL_BACKUP_DIR", "").strip():
            return found[0].address(found[1])
        return StorageAddress(StorageKind.FOLDER, path=find_places(self._environ).backups)

    def _default_policy(self) -> Policy:
        return retention_in_force(self._loaded.spec.retention, self._environ).policy

    def _spec_of(self, key: str) -> tuple[StorageSpec, Surroundings] | None:
        spec: StorageSpec | None = getattr(self._loaded.spec, key)
        return None if spec is None else (spec, self._loaded.around.get(key, Surroundings(Path.cwd(), self._environ)))

    def _specs(self) -> Iterator[tuple[StorageSpec, Surroundings]]:
        """Every storage that the configuration names."""
        for key in ("storage", "cloud"):
            if (found := self._spec_of(key)) is not None:
                yield found
        for job in self._loaded.jobs.values():
            if job.spec.storage is not None:
                yield job.spec.storage, job.around

    def _named_storages(self) -> Iterator[StorageAddress]:
        for spec, around in self._specs():
            yield spec.address(around)


def _level(spec: BackupSpec, job: JobSpec | None, compression: Compression) -> int | None:
    """How hard it is pressed: a level belongs to the compression that stands beside it."""
    if job is not None and job.level is not None and compression is (job.compression_wanted or spec.compression):
        return job.level
    return spec.level if compression is spec.compression else None


def _usual_proof(spec: BackupSpec, method: Method | None) -> ProofLevel:
    """What is kept to prove a restore by: of a server's files nothing, because the moment that they show is known too late."""
    return ProofLevel.NONE if method is Method.PHYSICAL else spec.proof


def _first(*flags: bool | None) -> bool:
    return next(flag for flag in flags if flag is not None)

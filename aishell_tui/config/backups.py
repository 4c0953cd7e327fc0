"""The `backup:` and `backups:` sections: where backups go, how they are made and kept, and which are made by themselves."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo, model_validator

from aishell_core.documents.fields import (
    DURATION_SCHEMA,
    Flag,
    Name,
    Text,
    Words,
    choice,
    choice_schema,
    duration_between,
    fault,
    number_between,
    number_schema,
)
from aishell_core.documents.spec import Spec
from aishell_core.errors import AishellError, ConfigError
from aishell_core.units import format_duration
from aishell_ops.backups.models import Compression, Format, Method, ProofLevel
from aishell_ops.backups.retention import Policy
from aishell_ops.backups.schedule import expect_schedule
from aishell_ops.backups.storage.address import StorageAddress, cloud_address, expect_secrets, parse_storage
from aishell_tui.config.fields import Surroundings, surroundings, trusted
from aishell_tui.config.secret_sources import expand
from aishell_tui.config.secret_spec import SecretSpec

_DAY_SECONDS = 86_400.0
DEFAULT_DAYS = 30
DEFAULT_MOST = 50

_Keep = Annotated[
    float, PlainValidator(duration_between(_DAY_SECONDS / 24, 100 * 366 * _DAY_SECONDS, "30d is a usual time")), DURATION_SCHEMA
]
_Pause = Annotated[float, PlainValidator(duration_between(0, _DAY_SECONDS, "5m is a usual time")), DURATION_SCHEMA]
_Count = Annotated[int, PlainValidator(number_between(1, 100_000)), number_schema(1, 100_000)]
_Number = Annotated[int, PlainValidator(number_between(0, 100_000)), number_schema(0, 100_000)]
_Level = Annotated[int, PlainValidator(number_between(1, 22)), number_schema(1, 22)]
_Jobs = Annotated[int, PlainValidator(number_between(1, 256)), number_schema(1, 256)]
_CompressionWord = Annotated[Compression, PlainValidator(choice(Compression)), choice_schema(Compression)]
_FormatWord = Annotated[Format, PlainValidator(choice(Format)), choice_schema(Format)]
_MethodWord = Annotated[Method, PlainValidator(choice(Method)), choice_schema(Method)]
_ProofWord = Annotated[ProofLevel, PlainValidator(choice(ProofLevel)), choice_schema(ProofLevel)]


def _by_text(key: str) -> BeforeValidator:
    """A text alone may stand for a part whose most usual key it is."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


class StorageSpec(Spec):
    """A folder or a bucket for backups. A path or a URL alone may stand for it."""

    url: Text | None = Field(
        default=None,
        description="A path, or s3://, az:// or gs:// with a bucket; ${NAME} is replaced from the environment.",
        examples=["s3://db-backups/production?region=eu-central-1"],
    )
    type: Text | None = Field(default=None, description="s3, azure or gcs, with `bucket` instead of `url`.", examples=["s3"])
    bucket: Text | None = Field(default=None, description="The bucket; Azure's container.", examples=["db-backups"])
    prefix: Text = Field(default="", description="What the names of all objects begin with.", examples=["production"])
    region: Text | None = Field(default=None, description="The bucket's region.", examples=["eu-central-1"])
    endpoint: Text | None = Field(default=None, description="Another server than the cloud's own.", examples=["https://minio.example.org"])
    account_name: Text | None = Field(default=None, description="Azure's storage account.", examples=["backups"])
    credentials: dict[Name, SecretSpec] = Field(
        default_factory=dict,
        description="Keys of the cloud by their names, such as secret_access_key; what is not here the environment has.",
        examples=[{"secret_access_key": {"env": "BACKUP_KEY"}}],
    )

    @model_validator(mode="after")
    def _can_be_opened(self, info: ValidationInfo) -> Self:
        around = surroundings(info)
        try:
            self.address(around)
        except AishellError as error:
            raise fault(error.message, error.hint) from error
        return self

    def address(self, around: Surroundings) -> StorageAddress:
        """Where it is, without its secrets; raises ConfigError. A variable that is not set stays in it as it is written."""
        if (self.url is None) == (self.bucket is None):
            raise ConfigError("exactly one of url and bucket is wanted", "write storage: s3://BUCKET/FOLDER, or a path")
        if self.url is None:
            return cloud_address(self.type or "", self.bucket or "", self.prefix, self._options, tuple(self.credentials))
        if self.type is not None or self.prefix or self._options:
            raise ConfigError("type, prefix, region, endpoint and account_name go with bucket, not with url", "write them into the URL")
        try:
            text = expand(self.url, around.environ)
        except ConfigError:
            text = self.url
        address = parse_storage(text, around.base)
        expect_secrets(address.kind, tuple(self.credentials))
        return address

    def __str__(self) -> str:
        """Where it is, as it is written."""
        return self.url if self.url is not None else f"{self.type}://{'/'.join(filter(None, (self.bucket, self.prefix)))}"

    @property
    def _options(self) -> tuple[tuple[str, str], ...]:
        found = {"region": self.region, "endpoint": self.endpoint, "account_name": self.account_name}
        return tuple((name, value) for name, value in found.items() if value is not None)


class RetentionSpec(Spec):
    """What is kept of each database: what any of these keeps. A time alone stands for `within`."""

    within: _Keep | None = Field(default=None, description="What is younger.", examples=["30d"])
    last: _Count | None = Field(default=None, description="So many of the newest.", examples=[7])
    daily: _Number = Field(default=0, description="The newest of so many days.", examples=[14])
    weekly: _Number = Field(default=0, description="The newest of so many weeks.", examples=[8])
    monthly: _Number = Field(default=0, description="The newest of so many months.", examples=[12])
    yearly: _Number = Field(default=0, description="The newest of so many years.", examples=[3])
    at_most: _Count | None = Field(default=None, description="No more than so many, whatever the others keep.", examples=[50])

    @property
    def policy(self) -> Policy:
        """The same as retention computes with it."""
        return Policy(self.within, self.last, self.daily, self.weekly, self.monthly, self.yearly, self.at_most)

    def __str__(self) -> str:
        """The rules that are given."""
        within = None if self.within is None else format_duration(self.within)
        words = {"within": within, **{key: getattr(self, key) for key in ("last", "daily", "weekly", "monthly", "yearly", "at_most")}}
        return ", ".join(f"{key} {value}" for key, value in words.items() if value)


_Storage = Annotated[StorageSpec, _by_text("url")]
_Retention = Annotated[RetentionSpec, _by_text("within")]


class EncryptionSpec(Spec):
    """To whom backups are encrypted, and what opens them again."""

    recipients: Words = Field(
        default=(), description="Public keys, of age or of SSH; any of their secret keys opens a backup.", examples=[["age1..."]]
    )
    passphrase: SecretSpec | None = Field(
        default=None, description="A passphrase instead of recipients.", examples=[{"file": "/run/secrets/backup"}]
    )
    identities: Annotated[tuple[SecretSpec, ...], Field(strict=False)] = Field(
        default=(), description="Secret keys that open backups, for verifying and restoring.", examples=[[{"file": "~/.age/key.txt"}]]
    )

    def __str__(self) -> str:
        """To whom and by what, without any secret."""
        words = [f"to {word}" for word in self.recipients]
        words += [f"passphrase from {self.passphrase.source.describe()}"] if self.passphrase is not None else []
        return ", ".join([*words, *(f"key from {one.source.describe()}" for one in self.identities)])

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.recipients and self.passphrase is not None:
            raise fault("recipients and passphrase do not go together", "keep one of them")
        return self


class BackupSpec(Spec):
    """Where backups go, and how they are made and kept where nothing else is said."""

    storage: _Storage | None = Field(default=None, description="Where they go.", examples=["/srv/backups"])
    cloud: _Storage | None = Field(default=None, description="Where they go with --cloud.", examples=["s3://db-backups"])
    compression: _CompressionWord = Field(default=Compression.ZSTD, description="How they are made smaller.")
    level: _Level | None = Field(default=None, description="How hard it is pressed.", examples=[3])
    encrypt: Flag = Field(default=False, description="Whether they are encrypted.")
    encryption: EncryptionSpec = Field(
        default=EncryptionSpec(), description="To whom, and what opens them.", examples=[{"recipients": ["age1..."]}]
    )
    format: _FormatWord = Field(default=Format.NATIVE, description="In which form the data is saved.")
    proof: _ProofWord = Field(default=ProofLevel.COUNTS, description="What is kept of the data to prove a restore by.")
    verify: Flag = Field(default=True, description="Whether each is read back and checked when it has been made.")
    retention: _Retention = Field(
        default=RetentionSpec.model_construct(within=DEFAULT_DAYS * _DAY_SECONDS, at_most=DEFAULT_MOST),
        description="What is kept of each database.",
        examples=["30d"],
    )


class JobSpec(Spec):
    """Backups of some databases; by themselves where a schedule is given."""

    name: Name = Field(description="Its name in commands; unique in the file.", examples=["daily-production"])
    schedule: Text | None = Field(default=None, description="When, as a cron expression.", examples=["0 2 * * *"])
    databases: Words | None = Field(default=None, description="Names of targets; else all that can be saved.", examples=[["production"]])
    timezone: Text | None = Field(default=None, description="The schedule's time zone; else this machine's.", examples=["Europe/Berlin"])
    jitter: _Pause = Field(default=0.0, description="It begins up to so much later, so that not all begin at once.")
    incremental: Flag = Field(default=False, description="Whether only what changed is saved.")
    compress: Flag | None = Field(default=None, description="Whether it is made smaller.")
    compression: _CompressionWord | None = Field(default=None, description="How it is made smaller.", examples=["zstd"])
    level: _Level | None = Field(default=None, description="How hard it is pressed.", examples=[3])
    encrypt: Flag | None = Field(default=None, description="Whether it is encrypted.")
    format: _FormatWord | None = Field(default=None, description="In which form the data is saved.", examples=["native"])
    tables: Words = Field(default=(), description="Only these tables.", examples=[["users"]])
    method: _MethodWord | None = Field(
        default=None,
        description="How the engine takes it, where it has several ways: a dump (logical, or directory for several jobs), the server's "
        "files (physical), MongoDB's documents by aishell (export) or by mongodump.",
        examples=["directory"],
    )
    jobs: _Jobs | None = Field(default=None, description="So many jobs side by side, where the engine can.", examples=[4])
    proof: _ProofWord | None = Field(default=None, description="What is kept to prove a restore by.", examples=["full"])
    verify: Flag | None = Field(default=None, description="Whether it is read back and checked.")
    storage: _Storage | None = Field(default=None, description="Where it goes.", examples=["s3://db-backups"])
    retention: _Retention | None = Field(default=None, description="What is kept of its backups.", examples=["7d"])
    cloud: Flag = Field(default=False, description="Whether it goes to the `cloud` of `backup:`, with a storage of its own as a copy.")
    channels: Words = Field(default=(), description="Alert channels that are told how it ended.", examples=[["slack"]])
    email: Words = Field(
        default=(), description="Who gets a mail when it ended, over the channel whose URL is mailto.", examples=[["ops@example.org"]]
    )
    enabled: Flag = Field(default=True, description="Whether its schedule is in force.")

    @model_validator(mode="after")
    def _sense(self, info: ValidationInfo) -> Self:
        if self.compress is False and self.compression not in {None, Compression.NONE}:
            raise fault(f"compress: false and compression: {self.compression} contradict each other", "keep one of them")
        if self.method is Method.PHYSICAL and self.proof not in {None, ProofLevel.NONE}:
            raise fault(f"method: physical and proof: {self.proof} do not go together", "rows are counted in a dump alone: leave proof out")
        if self.schedule is not None:
            try:
                expect_schedule(self.schedule, self.timezone)
            except AishellError as error:
                raise fault(error.message, error.hint) from error
        return self

    @property
    def compression_wanted(self) -> Compression | None:
        """How it is made smaller; None where the defaults say."""
        return Compression.NONE if self.compress is False else self.compression


def own_files_only(value: object, info: ValidationInfo) -> object:
    """Refuse a section in a file that came with a checkout: it would say where the data of all databases goes."""
    if not trusted(info):
        raise fault(
            "a file in the working folder may not say how all backups are made",
            "move backup: to your own config.yaml or backup.yml, or name this file by --config",
        )
    return value

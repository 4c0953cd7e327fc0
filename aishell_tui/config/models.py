"""The configuration's shape: every option is declared here once, with the help that schema, docs and starter file print."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from aishell_core.documents.fields import Flag, Name, Text, Words, fault
from aishell_core.documents.spec import Spec
from aishell_core.safety.roles import Grant
from aishell_core.targets import Environment, TlsPolicy
from aishell_tui.config.alerts import AlertsSpec
from aishell_tui.config.backups import BackupSpec, JobSpec, own_files_only
from aishell_tui.config.fields import (
    ActionWords,
    Color,
    ColorWord,
    Command,
    Duration,
    EnvironmentWord,
    EnvironmentWords,
    FilePath,
    Glyphs,
    GlyphsWord,
    RoleWord,
    TlsWord,
    Url,
    trusted,
)
from aishell_tui.config.limits import Limit
from aishell_tui.config.secret_spec import SecretSpec

LATER_ROOMS = ("tests",)
"""Top-level keys whose rooms this version does not have; they are warned about, never silently ignored."""


class TargetSpec(Spec):
    """One database (or host) to watch."""

    name: Name = Field(description="Its name on the screens and in commands; unique in the file.", examples=["app"])
    url: Url | None = Field(
        default=None,
        description="Where it is. ${NAME} is replaced from the environment; relative paths start at the file's folder.",
        examples=["sqlite:///srv/app/app.db"],
    )
    url_file: FilePath | None = Field(
        default=None, description="A file that holds the URL, instead of `url`.", examples=["/run/secrets/app-url"]
    )
    url_command: Command | None = Field(
        default=None, description="A command that prints the URL, instead of `url`.", examples=[["pass", "show", "db/app"]]
    )
    password: SecretSpec | None = Field(default=None, description="Where the password comes from.", examples=[{"env": "APP_PASSWORD"}])
    environment: EnvironmentWord = Field(default=Environment.DEVELOPMENT, description="How careful one has to be with it.")
    read_only: Flag = Field(default=False, description="Whether nothing may be changed on it, whoever asks.")
    tags: Words = Field(default=(), description="Words to filter by.", examples=[["shop"]])
    interval: Duration | None = Field(default=None, description="Time between two readings, instead of the dashboard's.", examples=["1s"])
    tls: TlsWord = Field(default=TlsPolicy.PREFER, description="How far the server's certificate is checked.")
    statement_log: FilePath | None = Field(
        default=None,
        description="SQLite: the side database into which the application logs its statements.",
        examples=["/srv/app/app.db-statements.db"],
    )

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        given = sum(address is not None for address in (self.url, self.url_file, self.url_command))
        if given == 0:
            raise fault(f"the target {self.name!r} has no url", "add url: sqlite:///path/to/app.db, or url_file, or url_command")
        if given > 1:
            raise fault(f"the target {self.name!r} has several of url, url_file and url_command", "keep one of them")
        return self


class RoleSpec(Spec):
    """A role that is given to people. What nobody is given nobody may do."""

    role: RoleWord = Field(
        description="admin (everything), developer (read, cancel, write, schema; in production read), operator (read, cancel, terminate), "
        "analyst (read).",
        examples=["operator"],
    )
    users: Words = Field(default=(), description="Users of the operating system.", examples=[["ann"]])
    groups: Words = Field(default=(), description="Groups of the operating system.", examples=[["dba"]])
    environments: EnvironmentWords = Field(
        default=(), description="Only on targets of these environments; else on all.", examples=[["staging", "development"]]
    )
    targets: Words = Field(default=(), description="Only on these targets; names, or patterns such as orders-*.", examples=[["app"]])
    actions: ActionWords | None = Field(
        default=None,
        description="Only these of the role's actions: read, cancel, write, terminate, schema, admin.",
        examples=[["read", "cancel"]],
    )

    @model_validator(mode="after")
    def _somebody(self, info: ValidationInfo) -> Self:
        if not trusted(info):
            raise fault(
                "a file in the working folder may not give roles",
                "move roles: to your own config.yaml, or name this file by --config",
            )
        if not self.users and not self.groups:
            raise fault(f"the role {self.role} is given to nobody", "add users: [ann] or groups: [dba]")
        return self

    @property
    def grant(self) -> Grant:
        """What it gives to whom."""
        return Grant(self.role, self.users, self.groups, self.environments, self.targets, self.actions)


class DashboardSpec(Spec):
    """How the dashboard looks and behaves."""

    theme: Text = Field(default="night", description="Colours of the screens.")
    interval: Duration = Field(default=1.0, description="Time between two readings of a target.")
    glyphs: GlyphsWord = Field(default=Glyphs.AUTO, description="Characters that the screens are drawn with; auto asks the locale.")
    color: ColorWord = Field(default=Color.AUTO, description="Number of colours; auto asks the terminal and NO_COLOR.")
    mouse: Flag = Field(default=True, description="Whether the mouse works; without it the terminal's own selection does.")
    read_only: Flag = Field(default=False, description="Whether actions that change something are left out.")


class HistorySpec(Spec):
    """What is kept on disk."""

    enabled: Flag = Field(
        default=True, description="Whether the figures and events of the last 24 hours are kept, to be seen after a restart."
    )


class ConfigSpec(Spec):
    """The whole of a configuration file."""

    targets: Annotated[tuple[TargetSpec, ...], Field(strict=False)] = Field(default=(), description="What is watched.")
    roles: Annotated[tuple[RoleSpec, ...], Field(strict=False)] = Field(
        default=(), description="Who may do what: a list. Without any, everybody may read and nobody may do anything else."
    )
    dashboard: DashboardSpec = Field(default=DashboardSpec(), description="How the dashboard looks and behaves.")
    history: HistorySpec = Field(default=HistorySpec(), description="What is kept on disk.")
    alerts: AlertsSpec = Field(default=AlertsSpec(), description="Rules, and who is told.")
    backup: Annotated[BackupSpec, BeforeValidator(own_files_only)] = Field(
        default=BackupSpec(), description="Where backups go, and how they are made and kept where nothing else is said."
    )
    backups: Annotated[tuple[JobSpec, ...], Field(strict=False)] = Field(
        default=(), description="Backups by name: of which databases, when, how, and how long they are kept."
    )
    thresholds: dict[str, Limit] = Field(
        default_factory=dict,
        description="By the name of a metric: where its value becomes a warning and critical. `off` switches one off.",
        examples=[{"query.duration": {"warning": "30s", "critical": "5m"}}],
    )

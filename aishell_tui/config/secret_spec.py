"""Where a secret comes from, as the configuration says it."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from aishell_core.documents.fields import Text, fault
from aishell_core.documents.spec import Spec
from aishell_tui.config.fields import Command, FilePath
from aishell_tui.config.secret_sources import FromCommand, FromEnvironment, FromFile, SecretSource


class SecretSpec(Spec):
    """Where a password comes from; exactly one of the keys."""

    env: Text | None = Field(default=None, description="Name of the environment variable that holds it.")
    file: FilePath | None = Field(default=None, description="File that holds it; it should be readable by you alone.")
    command: Command | None = Field(
        default=None, description="Command that prints it; run without a shell, and only when the target is opened."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(source is not None for source in (self.env, self.file, self.command)) != 1:
            raise fault("exactly one of env, file and command is wanted", "write {env: APP_PASSWORD}")
        return self

    @property
    def source(self) -> SecretSource:
        """The one source that is named."""
        if self.env is not None:
            return FromEnvironment(self.env)
        return FromFile(self.file) if self.file is not None else FromCommand(self.command or ())

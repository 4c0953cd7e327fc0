"""What the commands of the audit log print under --json, as types; see `shapes`."""

from __future__ import annotations

from dataclasses import dataclass, field

from aishell_tui.cli.shapes import doc


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One attempt to act."""

    sequence: int = field(metadata=doc("its number in the log"))
    at: str = field(metadata=doc("when it was about to happen, UTC"))
    user: str = field(metadata=doc("the user of the operating system"))
    sudo_user: str = field(metadata=doc("who called sudo, as the environment says; may be empty"))
    login_user: str = field(metadata=doc("who logged in, as the kernel says; may be empty"))
    host: str = field(metadata=doc("the machine that aishell ran on"))
    tty: str = field(metadata=doc("the terminal; may be empty"))
    ssh_client: str = field(metadata=doc("where an SSH connection came from, as the environment says; may be empty"))
    role: str = field(metadata=doc("the role that allowed it, or that the user has; may be empty"))
    target: str = field(metadata=doc("the target's name"))
    database: str = field(metadata=doc("the database, or schema, that it was done in; may be empty"))
    engine: str = field(metadata=doc("its engine"))
    environment: str = field(metadata=doc("production, staging, development, or unknown for a target of the command line"))
    actions: tuple[str, ...] = field(metadata=doc("read, cancel, write, terminate, schema, admin: all that it needs, the gravest last"))
    subject: str = field(metadata=doc("what was acted on; may be empty"))
    count: int = field(metadata=doc("how many things were acted on at once"))
    statement: str = field(metadata=doc("the statement, each literal as a keyed hash"))
    risk: str = field(metadata=doc("none, low, medium, high or critical"))
    reasons: tuple[str, ...] = field(metadata=doc("why it has that risk"))
    confirmation: str = field(metadata=doc("what had to be answered first: none, yes or typed_name"))
    decision: str = field(metadata=doc("allowed, refused (by a role or a protection) or declined (not confirmed)"))
    why: str = field(metadata=doc("why it was refused; may be empty"))
    result: str = field(metadata=doc("done, failed or interrupted; empty where none is written down"))
    code: str = field(metadata=doc("what went wrong, in one word; may be empty"))
    affected: int | None = field(metadata=doc("rows, documents or keys that it changed"))
    seconds: float | None = field(metadata=doc("how long it took"))


@dataclass(frozen=True, slots=True)
class AuditReport:
    """aishell audit show --json."""

    attempts: tuple[AuditRow, ...] = field(metadata=doc("the attempts, the oldest first"))
    strange_lines: int = field(metadata=doc("lines that are no records; aishell audit verify says what is wrong"))


@dataclass(frozen=True, slots=True)
class AuditDamageRow:
    """Something in the audit log that is not as it was written."""

    file: str = field(metadata=doc("the file"))
    line: int | None = field(metadata=doc("the line, from 1; null for the file as a whole"))
    message: str = field(metadata=doc("what is wrong"))


@dataclass(frozen=True, slots=True)
class AuditVerifyReport:
    """aishell audit verify --json."""

    ok: bool = field(metadata=doc("whether nothing was edited, taken out, cut off or put in another order"))
    records: int = field(metadata=doc("genuine records"))
    files: int = field(metadata=doc("files that were looked at"))
    first_sequence: int = field(metadata=doc("the number of the oldest record that is kept"))
    expired: int = field(metadata=doc("how many older ones were taken away because of their age"))
    last_sequence: int = field(metadata=doc("the number of the last record"))
    last_signature: str = field(metadata=doc("its signature; noted elsewhere it can be given to --expect later"))
    damage: tuple[AuditDamageRow, ...] = field(metadata=doc("what is wrong"))
    remarks: tuple[str, ...] = field(metadata=doc("what a crash has left, times that go back, and files that others may read"))
    unfinished: tuple[int, ...] = field(metadata=doc("attempts that were allowed and have no result: they still run, or were cut off"))

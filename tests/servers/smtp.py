"""A mail server (aiosmtpd) that keeps what it gets, in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from tests.servers.ports import free_port


@dataclass
class MailServer:
    """A server that runs; with `refuses` it takes no mail and says this instead, such as `451 try again later`.

    `refused` has the answer for single recipients, by address. After `gone_after` mails it closes each connection (421).
    """

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refuses: str = ""
    refused: dict[str, str] = field(default_factory=dict)
    gone_after: int | None = None

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - the library's name
        if self.gone_after is not None and len(self.mails) >= self.gone_after:
            raise ConnectionResetError
        refusal = self.refused.get(address, self.refuses)
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.extend(envelope.rcpt_tos)
        return "250 taken"

    def text(self, place: int) -> str:
        """The plain text of a mail."""
        body = self.mails[place].get_body(("plain",))
        assert body is not None
        return str(body.get_content())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A mail server on a free port for as long as the block lasts."""
    server = MailServer(free_port())
    controller = Controller(server, hostname="127.0.0.1", port=server.port, ready_timeout=30)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()

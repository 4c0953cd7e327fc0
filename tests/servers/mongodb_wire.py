"""A server of ours that speaks MongoDB's wire protocol and serves the documents of tests/data/mongodb, as a process of its own.

It exists for what no server that can be had here has: replica sets, operations, profiles, shards, and the shapes of
several versions. It can be frozen, killed and restarted as any other; `change` makes it refuse, delay or say otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from tests.processes import suspend
from tests.servers.mongodb_wire_answers import answer
from tests.servers.mongodb_wire_login import Login
from tests.servers.mongodb_wire_protocol import ask, read_request, reply_to
from tests.servers.mongodb_wire_world import RefusedError, World

_OPEN = frozenset({"hello", "ismaster", "isMaster", "saslStart", "saslContinue", "ping", "buildInfo", "fixture", "endSessions"})
"""What a client may ask before it has logged in."""


@dataclass
class WireServer:
    """One server process; start it by `wire_server`."""

    version: str
    kind: str
    user: str
    password: str
    port: int = 0
    process: subprocess.Popen[str] | None = None
    wishes: list[dict[str, Any]] = field(default_factory=list)
    tls: tuple[Path, Path] | None = None

    def url(self, database: str = "", user: str = "", password: str = "", options: str = "") -> str:
        login = f"{user}:{password}@" if user else ""
        return f"mongodb://{login}127.0.0.1:{self.port}/{database}{'?' + options if options else ''}"

    def target(self, name: str = "mongo", **parts: str) -> Target:
        return Target(TargetId(name), parse_location(self.url(**parts)))

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        arguments = [str(self.port), self.version, self.kind, self.user, self.password, *(str(path) for path in self.tls or ())]
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), *arguments], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the fixture server did not start"
        self.port = int(line)
        for wish in self.wishes:
            self._tell(wish)

    def change(self, **wish: Any) -> dict[str, Any]:
        """See `World.change`; kept over a restart. Gives what was killed and how many commands were served."""
        self.wishes.append(wish)
        return self._tell(wish)

    def _tell(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        return ask(self.port, {"fixture": wish})

    def counts(self) -> dict[str, int]:
        """The commands that were answered so far by name, those of tests left out."""
        found: dict[str, int] = self._tell({})["counts"]
        return found

    @contextmanager
    def frozen(self) -> Iterator[None]:
        assert self.process is not None
        suspend(self.process.pid)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def restart(self) -> None:
        self.kill()
        self.start()


@contextmanager
def wire_server(
    version: str = "7", kind: str = "primary", *, user: str = "", password: str = "", tls: tuple[Path, Path] | None = None
) -> Iterator[WireServer]:
    """A server for as long as the block lasts: primary, secondary, standalone or mongos of MongoDB 5 to 8.

    With a user it lets nobody else in; `tls` are the files of its certificate and key.
    """
    server = WireServer(version, kind, user, password, tls=tls)
    server.start()
    try:
        yield server
    finally:
        server.kill()


async def _serve(world: World, login: tuple[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    talk = Login(*login)
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            request = await read_request(reader)
            command = request.command
            if request.name == "saslStart":
                document = talk.start(bytes(command["payload"]))
            elif request.name == "saslContinue":
                document = talk.go_on(bytes(command["payload"]))
            elif login[0] and not talk.done and request.name not in _OPEN:
                document = RefusedError(13, "Unauthorized", f"Command {request.name} requires authentication").document
            else:
                if request.name != "fixture":
                    world.counts[request.name] += 1
                await asyncio.sleep(world.delays.get(request.name, 0.0))
                document = answer(world, command)
            writer.write(reply_to(request, document, damaged=world.damaged))
            await writer.drain()
    writer.close()


async def _main(port: str, version: str, kind: str, user: str, password: str, *tls: str) -> None:
    context = None
    if tls:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
    world = World(version, kind, f"127.0.0.1:{port}")
    server = await asyncio.start_server(lambda *pair: _serve(world, (user, password), *pair), "127.0.0.1", int(port), ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    # It ends with whoever started it, however that ended.
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(*sys.argv[1:]))

__all__ = ["WireServer", "wire_server"]

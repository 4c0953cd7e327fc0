"""Emulated clouds on free ports: S3 by moto, Azure Blob by azurite; each with an empty bucket."""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

from aishell_core.targets import Secret
from aishell_ops.backups.storage.address import StorageAddress, StorageKind
from tests.servers.gcs import gcs
from tests.servers.ports import free_port
from tests.servers.required import require_server

BUCKET = "backups-of-tests"
_SERVERS = Path(__file__).parents[2] / ".servers"
_START_SECONDS = 120.0
_ACCOUNT = "devstoreaccount1"
_ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account of every azurite, which its manual prints."""


@contextmanager
def s3(prefix: str = "some/folder") -> Iterator[StorageAddress]:
    """An S3 whose bucket is empty."""
    program = require_server("moto", str(_SERVERS / "moto/bin/moto_server"))
    port = free_port()
    with _running([program, "-H", "127.0.0.1", "-p", str(port)], port):
        signed = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"
        _ask("PUT", f"http://127.0.0.1:{port}/{BUCKET}", {"Authorization": signed})
        yield StorageAddress(
            StorageKind.S3,
            bucket=BUCKET,
            prefix=prefix,
            options=(("endpoint", f"http://127.0.0.1:{port}"), ("region", "us-east-1")),
            secrets=(("access_key_id", Secret("access-of-s3")), ("secret_access_key", Secret("s3cret-of-s3"))),
        )


@contextmanager
def azure(prefix: str = "some/folder") -> Iterator[StorageAddress]:
    """An Azure Blob storage whose container is empty."""
    node = require_server("node", "node")
    program = _SERVERS / "azurite/node_modules/azurite/dist/src/blob/main.js"
    require_server("azurite", str(program) if program.exists() else "azurite-blob")
    port = free_port()
    arguments: list[str | Path] = [
        node,
        program,
        "--inMemoryPersistence",
        "--skipApiVersionCheck",
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
    ]
    with _running(arguments, port):
        _make_container(port)
        yield StorageAddress(
            StorageKind.AZURE,
            bucket=BUCKET,
            prefix=prefix,
            options=(("endpoint", f"http://127.0.0.1:{port}/{_ACCOUNT}"), ("account_name", _ACCOUNT)),
            secrets=(("account_key", Secret(_ACCOUNT_KEY)),),
        )


@contextmanager
def google(prefix: str = "some/folder") -> Iterator[StorageAddress]:
    """A Google Cloud Storage of the tests' own, whose bucket is empty."""
    with gcs(BUCKET) as server:
        key = f'{{"gcs_base_url": "{server.url}", "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""}}'
        yield StorageAddress(
            StorageKind.GCS,
            bucket=BUCKET,
            prefix=prefix,
            options=(("base_url", server.url),),
            secrets=(("service_account_key", Secret(key)),),
        )


def _make_container(port: int) -> None:
    date = formatdate(usegmt=True)
    place = f"/{_ACCOUNT}/{_ACCOUNT}/{BUCKET}"
    text = f"PUT{chr(10) * 12}x-ms-date:{date}\nx-ms-version:2021-08-06\n{place}\nrestype:container"
    signature = base64.b64encode(hmac.new(base64.b64decode(_ACCOUNT_KEY), text.encode(), hashlib.sha256).digest()).decode()
    headers = {"x-ms-date": date, "x-ms-version": "2021-08-06", "Authorization": f"SharedKey {_ACCOUNT}:{signature}", "Content-Length": "0"}
    _ask("PUT", f"http://127.0.0.1:{port}/{_ACCOUNT}/{BUCKET}?restype=container", headers)


def _ask(method: str, url: str, headers: dict[str, str]) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers), timeout=30):
        return


@contextmanager
def _running(arguments: Sequence[str | Path], port: int) -> Iterator[None]:
    """Run a server until the block ends; the block begins when it answers anything."""
    folder = Path(tempfile.mkdtemp(prefix="cloud-"))
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=folder)
    try:
        _await_answer(port, process, folder / "server.log")
        yield
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _await_answer(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            assert process.poll() is None, log.read_text(errors="replace")
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"no answer within {_START_SECONDS} s: {log.read_text(errors='replace')}")

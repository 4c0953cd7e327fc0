"""A small Google Cloud Storage: the XML interface that obstore speaks, in memory, with generations and multipart uploads.

The emulators that can be had do not take obstore's uploads (they lack the XML interface), so this one stands in for the real service.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


@dataclass
class _Object:
    content: bytes
    generation: int
    changed: str

    @property
    def e_tag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"'


@dataclass
class GcsServer:
    """A server that runs; `objects` by bucket and key, `uploads` that are neither complete nor aborted."""

    port: int
    buckets: set[str] = field(default_factory=set)
    objects: dict[tuple[str, str], _Object] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    generations: Iterator[int] = field(default_factory=lambda: itertools.count(1000))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, place: tuple[str, str], content: bytes, expected: str | None) -> _Object | None:
        """Keep an object, when the generation that is expected is the one that is there (0 is none)."""
        with self.lock:
            there = self.objects.get(place)
            if expected is not None and int(expected) != (there.generation if there is not None else 0):
                return None
            self.objects[place] = made = _Object(content, next(self.generations), formatdate(usegmt=True))
            return made


@contextmanager
def gcs(*buckets: str) -> Iterator[GcsServer]:
    """The service with some empty buckets, on a free port for as long as the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    found = GcsServer(server.server_address[1], set(buckets))
    server.RequestHandlerClass = _handler(found)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _handler(server: GcsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _parts(self) -> tuple[str, str, dict[str, list[str]]]:
            found = urlsplit(self.path)
            bucket, _, key = found.path.lstrip("/").partition("/")
            return unquote(bucket), unquote(key), parse_qs(found.query, keep_blank_values=True)

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _error(self, status: int, code: str, words: str) -> None:
            self._answer(status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{words}</Message></Error>".encode())

        def _has_bucket(self, bucket: str) -> bool:
            if bucket in server.buckets:
                return True
            self._error(404, "NoSuchBucket", "The specified bucket does not exist.")
            return False

        def _told(self, made: _Object, status: int = 200, content: bytes = b"", **more: str) -> None:
            self._answer(status, content, ETag=made.e_tag, x_goog_generation=str(made.generation), Last_Modified=made.changed, **more)

        def do_PUT(self) -> None:
            bucket, key, query = self._parts()
            body = self._body()
            if not self._has_bucket(bucket):
                return
            if "uploadId" in query:
                upload = server.uploads.get(query["uploadId"][0])
                if upload is None:
                    self._error(404, "NoSuchUpload", "There is no such upload.")
                    return
                upload[int(query["partNumber"][0])] = body
                self._answer(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')
                return
            made = server.put((bucket, key), body, self.headers.get("x-goog-if-generation-match"))
            if made is None:
                self._error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
            else:
                self._told(made)

        def do_POST(self) -> None:
            bucket, key, query = self._parts()
            self._body()
            if not self._has_bucket(bucket):
                return
            if "uploads" in query:
                name = f"upload-{next(server.generations)}"
                server.uploads[name] = {}
                answer = f"<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><UploadId>{name}</UploadId>"
                self._answer(200, f"<?xml version='1.0'?>{answer}</InitiateMultipartUploadResult>".encode())
                return
            parts = server.uploads.pop(query["uploadId"][0], None)
            if parts is None:
                self._error(404, "NoSuchUpload", "There is no such upload.")
                return
            made = server.put((bucket, key), b"".join(content for _, content in sorted(parts.items())), None)
            assert made is not None
            answer = f"<CompleteMultipartUploadResult><ETag>{escape(made.e_tag)}</ETag></CompleteMultipartUploadResult>"
            self._told(made, content=f"<?xml version='1.0'?>{answer}".encode())

        def do_GET(self) -> None:
            bucket, key, query = self._parts()
            if not self._has_bucket(bucket):
                return
            if not key:
                self._list(bucket, query)
                return
            found = server.objects.get((bucket, key))
            if found is None:
                self._error(404, "NoSuchKey", "The specified key does not exist.")
                return
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if asked is None:
                self._told(found, content=found.content)
                return
            begin, end = int(asked[1]), min(int(asked[2] or len(found.content)), len(found.content) - 1)
            if begin >= len(found.content):
                self._error(416, "InvalidRange", "The requested range cannot be satisfied.")
                return
            self._told(found, 206, found.content[begin : end + 1], Content_Range=f"bytes {begin}-{end}/{len(found.content)}")

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_DELETE(self) -> None:
            bucket, key, query = self._parts()
            if "uploadId" in query:
                server.uploads.pop(query["uploadId"][0], None)
                self._answer(204)
            elif server.objects.pop((bucket, key), None) is None:
                self._error(404, "NoSuchKey", "The specified key does not exist.")
            else:
                self._answer(204)

        def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
            prefix = query.get("prefix", [""])[0]
            rows = [
                f"<Contents><Key>{escape(key)}</Key><Size>{len(one.content)}</Size><ETag>{escape(one.e_tag)}</ETag>"
                f"<LastModified>{_iso(one.changed)}</LastModified></Contents>"
                for (owner, key), one in sorted(server.objects.items())
                if owner == bucket and key.startswith(prefix)
            ]
            body = f"<ListBucketResult><Name>{bucket}</Name><IsTruncated>false</IsTruncated>{''.join(rows)}</ListBucketResult>"
            self._answer(200, f"<?xml version='1.0'?>{body}".encode())

        def log_message(self, *_words: Any) -> None:
            """Nothing on the terminal."""

    return Handler


def _iso(changed: str) -> str:
    return parsedate_to_datetime(changed).strftime("%Y-%m-%dT%H:%M:%S.000Z")

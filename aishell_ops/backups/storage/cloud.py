"""S3, Azure Blob and Google Cloud Storage as storages; obstore is imported here alone.

Uploads go in parts beside each other and are committed as a whole by the cloud itself: what is given up is aborted. Of an
upload whose process was killed the cloud keeps hidden parts, which its own lifecycle rules remove.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import obstore
from obstore import exceptions
from obstore.store import AzureStore, GCSStore, S3Store

from aishell_ops.backups.errors import StorageError, StorageFault
from aishell_ops.backups.storage.address import StorageAddress, StorageKind
from aishell_ops.backups.storage.contract import Reader, StoredObject, Tag, Writer
from aishell_ops.backups.storage.keys import checked
from aishell_ops.backups.streams.pipe import AbandonedError, Pipe

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutResult, UpdateVersion

_UPLOAD_BYTES = 16 << 20
"""The size of an uploaded part: clouds take 10,000 of them for one object, which is 156 GiB."""
_UPLOADS = 2
_PIECE_BYTES = 1 << 20
_FAULTS: dict[type[Exception], StorageFault] = {
    FileNotFoundError: StorageFault.MISSING,
    exceptions.AlreadyExistsError: StorageFault.EXISTS,
    exceptions.PreconditionError: StorageFault.CHANGED,
    exceptions.NotModifiedError: StorageFault.CHANGED,
    exceptions.PermissionDeniedError: StorageFault.REFUSED,
    exceptions.UnauthenticatedError: StorageFault.REFUSED,
}
_REFUSALS = re.compile(
    r"40[13] |AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|AuthenticationFailed|CredentialsNotLoaded|metadata endpoint"
)
_NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|The specified bucket does not exist")
_SAID = re.compile(
    r"<Message>(?P<xml>[^<]{1,300})|(?P<status>status code: \d{3} [A-Za-z ]+)"
    r"|(?P<plain>error sending request|tcp connect error|dns error)"
)
_REASON = re.compile(r'"([^"\n:/]{1,80} [^"\n/]{1,120})"')
"""A sentence in quotes in what the library says of the errors within errors; the innermost one stands last."""
_HINTS = {
    StorageFault.REFUSED: "look at the credentials and at what they may do there",
    StorageFault.UNAVAILABLE: "look whether the storage can be reached from here",
}


class CloudStorage:
    """Objects of a bucket below a prefix."""

    def __init__(self, address: StorageAddress, *, retries: int = 5, patience_seconds: float = 120.0) -> None:
        self._address = address
        self._store = _opened(address, retries, patience_seconds)

    @property
    def address(self) -> str:
        """The URL without options."""
        return str(self._address)

    @contextmanager
    def writing(self, key: str) -> Iterator[Writer]:
        """Write an object, which is there when the block ends well."""
        upload = _Upload(self, checked(key))
        try:
            yield upload
            upload.commit()
        except BaseException:
            upload.abandon()
            raise

    @contextmanager
    def reading(self, key: str, offset: int = 0) -> Iterator[Reader]:
        """Read an object from an offset to its end."""
        with self._faults(key):
            options: Any = {"range": {"offset": offset}} if offset else None
            pieces = iter(obstore.get(self._store, checked(key), options=options).stream(min_chunk_size=_PIECE_BYTES))
        yield _Pieces(self, key, pieces)

    def put_new(self, key: str, content: bytes) -> Tag:
        """Write a small object whose key must be free.

        A request whose answer was lost is repeated and then finds what it has written itself: the same content is its own.
        """
        try:
            with self._faults(key):
                return _tag(obstore.put(self._store, checked(key), content, mode="create"))
        except StorageError as error:
            if error.fault not in (StorageFault.EXISTS, StorageFault.CHANGED):
                raise
            found, tag = self.get(key)
            if found == content:
                return tag
            raise StorageError(StorageFault.EXISTS, f"{key} is in {self.address} already") from error

    def replace(self, key: str, content: bytes, tag: Tag) -> Tag:
        """Write a small object in the place of the one that the tag names."""
        try:
            with self._faults(key):
                return _tag(obstore.put(self._store, checked(key), content, mode=_version(tag)))
        except StorageError as error:
            if error.fault not in (StorageFault.CHANGED, StorageFault.MISSING, StorageFault.EXISTS):
                raise
            raise StorageError(StorageFault.CHANGED, f"{key} in {self.address} has been changed by somebody else meanwhile") from error

    def get(self, key: str) -> tuple[bytes, Tag]:
        """A small object whole, with its tag."""
        with self._faults(key):
            found = obstore.get(self._store, checked(key))
            return bytes(found.bytes()), _tag(found.meta)

    def head(self, key: str) -> StoredObject | None:
        """What is known of an object; None where there is none."""
        try:
            with self._faults(key):
                return _object(obstore.head(self._store, checked(key)))
        except StorageError as error:
            if error.fault is StorageFault.MISSING:
                return None
            raise

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """All objects whose key begins with a prefix, sorted by their key."""
        folder, _, _ = prefix.rpartition("/")
        with self._faults(prefix or "the list"):
            found = [_object(one) for chunk in obstore.list(self._store, folder or None) for one in chunk]
        yield from sorted((one for one in found if one.key.startswith(prefix)), key=lambda one: one.key)

    def delete(self, key: str) -> None:
        """Remove an object."""
        try:
            with self._faults(key):
                obstore.delete(self._store, checked(key))
        except StorageError as error:
            if error.fault is not StorageFault.MISSING:
                raise

    def sweep(self) -> int:
        """Nothing can be seen of what killed writers have left."""
        return 0

    def free_bytes(self) -> int | None:
        """Nobody knows."""
        return None

    def close(self) -> None:
        """Nothing is held between calls."""

    @contextmanager
    def _faults(self, key: str) -> Iterator[None]:
        """Turn what the library says into what a storage says."""
        try:
            yield
        except (exceptions.BaseError, OSError, ValueError) as error:
            raise self._fault(key, error) from None

    def _fault(self, key: str, error: Exception) -> StorageError:
        words = str(error)
        fault = next((fault for kind, fault in _FAULTS.items() if isinstance(error, kind)), StorageFault.UNAVAILABLE)
        if _NO_BUCKET.search(words):
            return StorageError(
                StorageFault.UNAVAILABLE,
                f"{self.address} is no storage: there is no bucket {self._address.bucket}",
                "make it, or mend the name",
            )
        if fault is StorageFault.UNAVAILABLE and _REFUSALS.search(words):
            fault = StorageFault.REFUSED
        told = "there is no such object" if fault is StorageFault.MISSING else _told(words) or type(error).__name__
        return StorageError(fault, f"{key} in {self.address}: {told}", _HINTS.get(fault, ""))


def _told(words: str) -> str:
    """What a cloud or the way to it said, in one line; "" where nothing of it can be read."""
    said = _SAID.search(words)
    if said is None:
        return ""
    if said["plain"]:
        reasons = _REASON.findall(words.partition("Debug source")[2])
        return reasons[-1][:1].lower() + reasons[-1][1:] if reasons else said["plain"]
    return (said["xml"] or said["status"]).strip()


class _Upload:
    """An upload in a thread, which is fed through a pipe."""

    def __init__(self, storage: CloudStorage, key: str) -> None:
        self._storage = storage
        self._key = key
        self._pipe = Pipe(_UPLOAD_BYTES)
        self._fault: StorageError | None = None
        self._thread = threading.Thread(target=self._run, name="backup-upload", daemon=True)
        self._thread.start()

    def write(self, data: bytes | memoryview) -> None:
        """Take more of it; raises what the upload has met."""
        try:
            self._pipe.write(bytes(data))
        except AbandonedError:
            raise self._fault or StorageError(StorageFault.UNAVAILABLE, f"the upload of {self._key} has ended early") from None

    def commit(self) -> None:
        """Wait until the cloud has all of it."""
        self._pipe.end()
        self._thread.join()
        if self._fault is not None:
            raise self._fault

    def abandon(self) -> None:
        """Make the cloud forget what it has of it."""
        self._pipe.abandon()
        self._thread.join()

    def _run(self) -> None:
        try:
            with self._storage._faults(self._key):
                obstore.put(self._storage._store, self._key, self._pieces(), chunk_size=_UPLOAD_BYTES, max_concurrency=_UPLOADS)
        except StorageError as error:
            self._fault = error
        except AbandonedError:
            return
        finally:
            self._pipe.abandon()

    def _pieces(self) -> Iterator[bytes]:
        while piece := self._pipe.read(_PIECE_BYTES):
            yield piece


class _Pieces:
    """Reads pieces of any size as pieces of the size that is asked for."""

    def __init__(self, storage: CloudStorage, key: str, pieces: Iterator[Any]) -> None:
        self._storage = storage
        self._key = key
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of it."""
        while not self._rest:
            with self._storage._faults(self._key):
                piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(bytes(piece))
        given, self._rest = self._rest[:size], self._rest[size:]
        return bytes(given)


def _opened(address: StorageAddress, retries: int, patience_seconds: float) -> S3Store | AzureStore | GCSStore:
    given: dict[str, Any] = {**dict(address.options), **{name: secret.reveal() for name, secret in address.secrets}}
    endpoint = str(given.get("endpoint", given.get("base_url", "")))
    common: dict[str, Any] = {
        "prefix": address.prefix or None,
        "retry_config": {"max_retries": retries, "retry_timeout": timedelta(seconds=patience_seconds)},
        "client_options": {"allow_http": endpoint.startswith("http://"), "timeout": timedelta(seconds=patience_seconds)},
    }
    match address.kind:
        case StorageKind.AZURE:
            return AzureStore(address.bucket, **given, **common)
        case StorageKind.GCS:
            return GCSStore(address.bucket, **given, **common)
        case _:
            return S3Store(address.bucket, **given, **common)


def _tag(answer: ObjectMeta | PutResult) -> Tag:
    """The content's name, and its generation where the cloud has one."""
    return Tag(f"{answer.get('e_tag') or ''} {answer.get('version') or ''}")


def _version(tag: Tag) -> UpdateVersion:
    e_tag, _, version = tag.rpartition(" ")
    return cast("UpdateVersion", {name: value for name, value in (("e_tag", e_tag), ("version", version)) if value})


def _object(meta: ObjectMeta) -> StoredObject:
    return StoredObject(meta["path"], meta["size"], meta["last_modified"].timestamp(), _tag(meta))

"""A folder as a storage: nothing half-written ever bears an object's name, and what is committed is on the disk."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aishell_ops.backups.errors import StorageError, StorageFault
from aishell_ops.backups.storage.contract import Reader, StoredObject, Tag, Writer
from aishell_ops.backups.storage.keys import checked

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_UNFINISHED = ".part"
_LOCK = ".lock"
_FAULTS = {
    errno.ENOENT: StorageFault.MISSING,
    errno.ENOSPC: StorageFault.FULL,
    errno.EDQUOT: StorageFault.FULL,
    errno.EFBIG: StorageFault.FULL,
    errno.EACCES: StorageFault.REFUSED,
    errno.EPERM: StorageFault.REFUSED,
    errno.EROFS: StorageFault.REFUSED,
}
_HINTS = {
    StorageFault.FULL: "free some space there, or choose another storage",
    StorageFault.REFUSED: "the folder must be writable by the user who runs aishell",
    StorageFault.UNAVAILABLE: "look at the disk and the system's log",
}


class FolderStorage:
    """Objects as files below one folder, with mode 0600 in folders of mode 0700.

    A file is written under a hidden name, brought to the disk, renamed, and the folder's entry is brought to the disk too.
    While a writer lives it holds a lock on its hidden file, so that what a dead one has left is known without guessing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def address(self) -> str:
        """The folder's path."""
        return str(self.root)

    @contextmanager
    def writing(self, key: str) -> Iterator[Writer]:
        """Write an object, which is there when the block ends well."""
        place = self._place(key)
        with self._faults(key):
            self._make_folders(place.parent)
            hidden = _hidden(place)
            descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
        try:
            with self._faults(key):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield _FileWriter(self, key, descriptor)
            with self._faults(key):
                os.fsync(descriptor)
                hidden.replace(place)
                _sync_folder(place.parent)
        except BaseException:
            with suppress(OSError):
                hidden.unlink()
            self._remove_empty(place)
            raise
        finally:
            os.close(descriptor)

    @contextmanager
    def reading(self, key: str, offset: int = 0) -> Iterator[Reader]:
        """Read an object from an offset to its end."""
        with self._faults(key):
            descriptor = os.open(self._place(key), os.O_RDONLY | os.O_CLOEXEC)
        try:
            with self._faults(key):
                os.lseek(descriptor, offset, os.SEEK_SET)
            yield _FileReader(self, key, descriptor)
        finally:
            os.close(descriptor)

    def put_new(self, key: str, content: bytes) -> Tag:
        """Write a small object whose key must be free."""
        place = self._place(key)
        with self._alone(key):
            if place.exists():
                raise StorageError(StorageFault.EXISTS, f"{key} is in {self.address} already")
            return self._put(key, content)

    def replace(self, key: str, content: bytes, tag: Tag) -> Tag:
        """Write a small object in the place of the one that the tag names."""
        with self._alone(key):
            found = self.head(key)
            if found is None or found.tag != tag:
                raise StorageError(StorageFault.CHANGED, f"{key} in {self.address} has been changed by somebody else meanwhile")
            return self._put(key, content)

    def get(self, key: str) -> tuple[bytes, Tag]:
        """A small object whole, with its tag."""
        with self._faults(key), self._place(key).open("rb") as file:
            return file.read(), _tag(os.fstat(file.fileno()))

    def head(self, key: str) -> StoredObject | None:
        """What is known of an object; None where there is none."""
        with self._faults(key):
            try:
                status = self._place(key).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return StoredObject(key, status.st_size, status.st_mtime, _tag(status))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """All objects whose key begins with a prefix, sorted by their key; what is not an object's name is left out."""
        folder, _, _ = prefix.rpartition("/")
        with self._faults(prefix or "the list"):
            self._expect_folder()
            found = [one for one in _below(self.root / folder, f"{folder}/" if folder else "") if one.key.startswith(prefix)]
        yield from sorted(found, key=lambda one: one.key)

    def marks(self) -> Iterator[tuple[str, str]]:
        """The prefix of each backup with its mark: when its manifest and the folder of its records changed last."""
        with self._faults("the list"):
            self._expect_folder()
            found = list(_marks_below(self.root))
        yield from found

    def delete(self, key: str) -> None:
        """Remove an object, and the folders that are empty then."""
        place = self._place(key)
        with self._faults(key), suppress(FileNotFoundError, NotADirectoryError):
            place.unlink()
            _sync_folder(place.parent)
        self._remove_empty(place)

    def sweep(self) -> int:
        """Remove what writers have left that ended before their commit."""
        with self._faults("what dead writers have left"):
            return sum(_swept(Path(folder, name)) for folder, _, names in os.walk(self.root) for name in names if _is_unfinished(name))

    def free_bytes(self) -> int | None:
        """How much room there is for this user."""
        place = next((folder for folder in (self.root, *self.root.parents) if folder.exists()), None)
        with suppress(OSError):
            return None if place is None else shutil.disk_usage(place).free
        return None

    def close(self) -> None:
        """Nothing is held between calls."""

    def _place(self, key: str) -> Path:
        return self.root / checked(key)

    def _put(self, key: str, content: bytes) -> Tag:
        with self.writing(key) as writer:
            writer.write(content)
        with self._faults(key):
            return _tag(self._place(key).stat())

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """Hold the lock that every change of a small object is made under."""
        with self._faults(key):
            self._make_folders(self.root)
            descriptor = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        try:
            with self._faults(key):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _remove_empty(self, place: Path) -> None:
        """Remove the folders above an object that are empty now."""
        for folder in place.parents:
            if folder == self.root or not _removed(folder):
                return

    def _make_folders(self, folder: Path) -> None:
        """Make a folder and those above it, each brought to the disk; raises OSError."""
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
        for place in reversed(missing):
            place.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            _sync_folder(place.parent)

    def _expect_folder(self) -> None:
        if self.root.exists() and not self.root.is_dir():
            # Nothing below a file is nothing found: that there are no backups must not be what it looks like.
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    @contextmanager
    def _faults(self, key: str) -> Iterator[None]:
        """Turn what the system says into what a storage says."""
        try:
            yield
        except OSError as error:
            raise self._fault(key, error) from error

    def _fault(self, key: str, error: OSError) -> StorageError:
        fault = _FAULTS.get(error.errno or 0, StorageFault.UNAVAILABLE)
        words = "there is no such object" if fault is StorageFault.MISSING else (error.strerror or str(error)).lower()
        return StorageError(fault, f"{key} in {self.address}: {words}", _HINTS.get(fault, ""))


class _FileWriter:
    """Writes to a descriptor, all of it."""

    def __init__(self, storage: FolderStorage, key: str, descriptor: int) -> None:
        self._storage = storage
        self._key = key
        self._descriptor = descriptor

    def write(self, data: bytes | memoryview) -> None:
        """Take more of it."""
        rest = memoryview(data)
        while rest:
            with self._storage._faults(self._key):
                rest = rest[os.write(self._descriptor, rest) :]


class _FileReader:
    """Reads from a descriptor."""

    def __init__(self, storage: FolderStorage, key: str, descriptor: int) -> None:
        self._storage = storage
        self._key = key
        self._descriptor = descriptor

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of it."""
        with self._storage._faults(self._key):
            return os.read(self._descriptor, size)


def _tag(status: os.stat_result) -> Tag:
    """Every write makes a new file, so that these three never come again together."""
    return Tag(f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}")


def _hidden(place: Path) -> Path:
    return place.with_name(f".{place.name[:200]}.{secrets.token_hex(6)}{_UNFINISHED}")


def _is_unfinished(name: str) -> bool:
    return name.startswith(".") and name.endswith(_UNFINISHED)


def _swept(place: Path) -> int:
    """1 when the hidden file was of a dead writer and is removed."""
    with suppress(FileNotFoundError):
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            place.unlink()
            return 1
        except BlockingIOError:
            return 0
        finally:
            os.close(descriptor)
    return 0


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _removed(folder: Path) -> bool:
    with suppress(OSError):
        folder.rmdir()
        return True
    return False


def _below(folder: Path, prefix: str) -> Iterator[StoredObject]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(folder / entry.name, f"{prefix}{entry.name}/")
        elif entry.is_file(follow_symlinks=False):
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                yield StoredObject(f"{prefix}{entry.name}", status.st_size, status.st_mtime, _tag(status))


def _marks_below(root: Path) -> Iterator[tuple[str, str]]:
    for target in _folders(str(root)):
        for line in _folders(f"{root}/{target}"):
            for name in _folders(f"{root}/{target}/{line}"):
                yield f"{target}/{line}/{name}/", _mark(f"{root}/{target}/{line}/{name}")


def _folders(path: str) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(path) if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _mark(path: str) -> str:
    """Texts instead of paths: for ten thousand backups that is half of the time."""
    try:
        manifest = os.stat(f"{path}/manifest.json", follow_symlinks=False)  # noqa: PTH116 - see above
    except OSError:
        return ""
    try:
        records = os.stat(f"{path}/records", follow_symlinks=False)  # noqa: PTH116 - see above
        return f"{manifest.st_ino} {manifest.st_size} {manifest.st_mtime_ns} {records.st_mtime_ns}"
    except OSError:
        return f"{manifest.st_ino} {manifest.st_size} {manifest.st_mtime_ns}"

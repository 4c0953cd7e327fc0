"""From an address to a storage."""

from __future__ import annotations

from collections.abc import Callable

from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.storage.contract import Storage
from aishell_ops.backups.storage.folder import FolderStorage

OpenStorage = Callable[[StorageAddress], Storage]
"""From an address to a storage, which is not looked at before it is used."""


def open_storage(address: StorageAddress) -> Storage:
    """A storage, which is not looked at before it is used; a cloud's library is loaded for a cloud alone."""
    if address.path is not None:
        return FolderStorage(address.path)
    from aishell_ops.backups.storage.cloud import CloudStorage

    return CloudStorage(address)

"""How much of a file is in the machine's page cache."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
from functools import cache

from aishell_core.engines.descriptors import OpenFile
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode

_LARGEST_BYTES = 16 * 2**30
_FAILED = ctypes.c_void_p(-1).value


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64]
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return libc


def resident_ratio(file: OpenFile) -> float:
    """The share (0 to 1) of a file's pages that are in memory, by mincore(2); raises TargetError where that cannot be known.

    The kernel answers truly only to the file's owner and to root (to everybody else all pages seem to be there), so
    others get an error. The file is mapped with the C library's own call, because Python's `mmap` duplicates and closes
    the descriptor, which would drop this process's locks on the file (see `descriptors`). No page is read.
    """
    if platform.system() != "Linux":
        raise TargetError(FailureCode.UNSUPPORTED, "what is in the page cache is known on Linux only")
    if os.geteuid() not in {0, file.owner}:
        raise TargetError(FailureCode.PRIVILEGE, "what is in the page cache is told to the file's owner and to root only")
    if file.size_bytes > _LARGEST_BYTES:
        raise TargetError(FailureCode.UNSUPPORTED, "the file is too large to ask for each of its pages")
    return _count(file) if file.size_bytes else 0.0


def _count(file: OpenFile) -> float:
    libc = _libc()
    address = libc.mmap(None, file.size_bytes, mmap.PROT_READ, mmap.MAP_SHARED, file.descriptor, 0)
    if address is None or address == _FAILED:
        raise TargetError(FailureCode.UNSUPPORTED, f"the file cannot be mapped: {os.strerror(ctypes.get_errno())}")
    try:
        pages = -(-file.size_bytes // mmap.PAGESIZE)
        vector = ctypes.create_string_buffer(pages)
        if libc.mincore(address, file.size_bytes, vector) != 0:
            raise TargetError(FailureCode.UNSUPPORTED, f"the page cache cannot be asked: {os.strerror(ctypes.get_errno())}")
        return (pages - vector.raw.count(0)) / pages
    finally:
        libc.munmap(address, file.size_bytes)

"""When a file was made, which the standard library does not tell on Linux."""

from __future__ import annotations

import ctypes
import platform
import struct
from functools import cache

_AT_EMPTY_PATH = 0x1000
_STATX_BTIME = 0x800
_STRUCT_BYTES = 256
_MASK_OFFSET, _BIRTH_OFFSET = 0, 0x50


@cache
def _statx() -> ctypes._NamedFuncPointer | None:
    if platform.system() != "Linux":
        return None
    function = getattr(ctypes.CDLL(None), "statx", None)
    if function is not None:
        function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p]
    return function


def born_at(descriptor: int) -> float | None:
    """Epoch seconds at which the open file was made; None where the system or the file system does not keep it."""
    statx = _statx()
    if statx is None:
        return None
    buffer = ctypes.create_string_buffer(_STRUCT_BYTES)
    if statx(descriptor, b"", _AT_EMPTY_PATH, _STATX_BTIME, buffer) != 0:
        return None
    (mask,) = struct.unpack_from("=I", buffer, _MASK_OFFSET)
    seconds, nanoseconds = struct.unpack_from("=qI", buffer, _BIRTH_OFFSET)
    return float(seconds) + float(nanoseconds) / 1e9 if mask & _STATX_BTIME else None

"""Programs that print a lot, asked to do so in large pieces: the C library's own of 4 KiB cost as much as hashing what is printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

_BUFFER_BYTES = 256 << 10
_LIBRARIES = tuple(Path(folder, "libstdbuf.so") for folder in ("/usr/libexec/coreutils", "/usr/lib/coreutils", "/usr/lib64/coreutils"))
"""What the program `stdbuf` of the GNU coreutils loads into those that it runs."""


def widely_printing(environment: Mapping[str, str], libraries: Iterable[Path] = _LIBRARIES) -> dict[str, str]:
    """The environment with what has a program print in large pieces, as `stdbuf -o256K` would; the same where that is not installed.

    No `stdbuf` stands between: the program keeps its process id, its name in messages and its exit code.
    """
    library = next((str(path) for path in libraries if path.is_file()), None)
    if library is None:
        return dict(environment)
    loaded = ":".join(filter(None, (environment.get("LD_PRELOAD"), library)))
    return {**environment, "LD_PRELOAD": loaded, "_STDBUF_O": str(_BUFFER_BYTES)}

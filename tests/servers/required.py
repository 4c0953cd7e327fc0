"""Whether a test that needs a real server may be skipped here."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

REQUIRE_SERVERS = "AISHELL_REQUIRE_SERVERS"


def require_server(name: str, *commands: str) -> Path:
    """The first of the commands that is installed; otherwise skip, or fail where servers are required.

    `.ci/run` sets AISHELL_REQUIRE_SERVERS=1 after installing them all, so that a skipped test cannot pass for a good one.
    """
    for command in commands:
        found = shutil.which(command)
        if found is not None:
            return Path(found)
    reason = f"{name} is not installed (looked for {', '.join(commands)})"
    if os.environ.get(REQUIRE_SERVERS) == "1":
        pytest.fail(f"{reason}, and {REQUIRE_SERVERS}=1 requires it")
    pytest.skip(reason)

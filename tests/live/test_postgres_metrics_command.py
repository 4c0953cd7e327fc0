"""`aishell metrics` on a real PostgreSQL: also what the slower tiers count has rates in one look."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from tests.command_line import run_process
from tests.servers.postgres import postgres

_TRIES = 10


@pytest.mark.parametrize(("version", "tells_files"), [("15", False), ("16", True), ("18", True)])
def test_files_and_small_caches_have_their_figures(tmp_path: Path, version: str, tells_files: bool) -> None:
    """Files since 16 (pg_stat_io), small caches and the log on all."""
    with postgres(version, statements=False) as server:
        server.execute("CREATE TABLE grown AS SELECT g FROM generate_series(1, 10000) AS g", "CHECKPOINT")
        for _ in range(_TRIES):
            ran = run_process("metrics", "--json", "-t", server.url(), environment={"AISHELL_HOME": str(tmp_path)})
            (target,) = cast(list[dict[str, Any]], ran.json()["targets"])
            if not target["failures"]:
                break
        text = run_process("metrics", "-t", server.url(), environment={"AISHELL_HOME": str(tmp_path)}).out
    figures = target["metrics"]
    assert 'postgres.slru.hits.rate{slru="' in text
    assert {"postgres.wal.records.rate", "postgres.checkpoint.buffers.rate", "postgres.cleaner.buffers.rate"} <= set(figures)
    files = {name for name in figures if name.startswith("postgres.io.")}
    assert bool(files) is tells_files
    if tells_files:
        written = 'postgres.io.write.rate{backend="client backend",context="bulkwrite",object="relation"}'
        assert figures[written]["unit"] == "bytes/s"
        assert written in text

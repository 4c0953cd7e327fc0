"""The audit log under several processes at once, some of them killed in the middle of a record."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from aishell_core.safety.audit import AuditLog
from aishell_core.safety.audit_reading import read_audit
from aishell_core.safety.audit_verify import verify
from tests.safety import attempt
from tests.servers.sqlite_client import eventually

_WRITER = """
import sys
from pathlib import Path
from aishell_core.safety.audit import AuditLog
from aishell_core.safety.audit_entry import Outcome, Result
from tests.safety import numbered
log, count = AuditLog(Path(sys.argv[1])), int(sys.argv[2])
print("ready", flush=True)
number = 0
while number != count:
    log.record_result(log.record_attempt(numbered(number)), Outcome(Result.DONE, 0.0))
    number += 1
"""


def writer(state: Path, count: int) -> subprocess.Popen[bytes]:
    """A process that records so many attempts with their results, without end for a negative number."""
    root = Path(__file__).parents[2]
    return subprocess.Popen([sys.executable, "-c", _WRITER, str(state), str(count)], cwd=root, stdout=subprocess.PIPE)


def wait_for_more_than(state: Path, records: int) -> None:
    """Until the log has more records than that."""
    eventually(lambda: verify(state).records > records)


def test_processes_that_write_at_once_make_one_chain(tmp_path: Path) -> None:
    running = [writer(tmp_path, 10) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    for process in running:
        process.communicate()
    found = verify(tmp_path)
    assert (found.damage, found.remarks, found.unfinished, found.records) == ((), (), (), 60)


def test_writers_that_are_killed_leave_a_log_that_goes_on_and_is_whole(tmp_path: Path) -> None:
    """Killed at whatever moment it was: no lock stays, no record is lost, and what was cut off is no damage."""
    for _ in range(4):
        process = writer(tmp_path, -1)
        try:
            wait_for_more_than(tmp_path, verify(tmp_path).records + 4)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        AuditLog(tmp_path).record_attempt(attempt())
    found = verify(tmp_path)
    assert found.damage == ()
    assert found.last.sequence == found.records
    assert read_audit(tmp_path).entries[-1].sequence == found.last.sequence


def test_a_stopped_reader_does_not_keep_writers_out(tmp_path: Path) -> None:
    """A check reads what was there when it began, and holds the lock only while it looks that up."""
    log = AuditLog(tmp_path)
    log.record_attempt(attempt())
    with (tmp_path / "audit.lock").open():
        log.record_attempt(attempt())
    assert verify(tmp_path).records == 2

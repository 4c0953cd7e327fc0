"""Programs as sources and sinks: real ones, in all the ways in which they fail."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from aishell_core.targets import Secret
from aishell_ops.backups.errors import BackupError, ToolError
from aishell_ops.backups.streams.process import HANDED, Program, ProgramSink, ProgramSource
from aishell_ops.backups.streams.wide_output import widely_printing
from tests.servers.sqlite_client import eventually
from tests.unit.aishell_ops.backups.streams.situation import NEVER


def _shell(script: str, **secrets: str) -> Program:
    return Program(("sh", "-c", script), secrets=secrets)


def _all_of(source: ProgramSource, stop: threading.Event = NEVER) -> bytes:
    with source.opened(stop) as reader:
        return b"".join(iter(lambda: reader.read(1 << 16), b""))


def _give(sink: ProgramSink, *pieces: bytes, stop: threading.Event = NEVER) -> None:
    with sink.opened(stop) as writer:
        for piece in pieces:
            writer.write(piece)


def test_what_a_program_prints_is_the_stream() -> None:
    source = ProgramSource("data", _shell("seq 1 200000; echo a remark >&2"), trailer=lambda tail: tail.endswith(b"\n200000\n"))
    assert _all_of(source) == b"".join(b"%d\n" % number for number in range(1, 200_001))
    assert source.remarks == "a remark"


def test_what_a_program_has_printed_comes_while_it_goes_on_without_a_word() -> None:
    taken = b""
    with (
        suppress(InterruptedError),
        ProgramSource("data", _shell("for n in $(seq 200); do printf %01000d $n; done; sleep 1000")).opened(NEVER) as reader,
    ):
        while len(taken) < 200_000:
            taken += reader.read(1 << 20)
        raise InterruptedError
    assert taken == b"".join(b"%01000d" % number for number in range(1, 201))


def test_a_program_is_asked_to_print_widely_and_what_it_is_told_otherwise_stays(tmp_path: Path) -> None:
    library = tmp_path / "libstdbuf.so"
    given = {"PATH": "/bin", "LD_PRELOAD": "/lib/other.so"}
    assert widely_printing(given, (library,)) == given
    library.touch()
    wide = widely_printing(given, (tmp_path / "none.so", library))
    assert wide["PATH"] == "/bin"
    assert wide["LD_PRELOAD"] == f"/lib/other.so:{library}"
    assert int(wide["_STDBUF_O"]) > 4096


def test_a_failed_program_is_told_with_its_own_words_though_it_printed_something() -> None:
    with pytest.raises(BackupError, match=r"sh failed with exit code 3: no such table"):
        _all_of(ProgramSource("data", _shell("echo some; echo no such table >&2; exit 3")))


def test_a_killed_program_is_told_by_its_signal() -> None:
    with pytest.raises(BackupError, match=r"sh was ended by SIGKILL"):
        _all_of(ProgramSource("data", _shell("echo some; kill -9 $$")))


def test_success_without_a_byte_is_no_success() -> None:
    with pytest.raises(BackupError, match="gave nothing though it reported success"):
        _all_of(ProgramSource("data", _shell("true")))


def test_success_without_the_trailer_is_no_success() -> None:
    with pytest.raises(BackupError, match="ends too early"):
        _all_of(ProgramSource("dump.sql", _shell("echo half"), trailer=lambda tail: tail.endswith(b"completed\n")))


def test_what_is_handed_to_a_program_is_a_file_for_it_and_stands_nowhere_else() -> None:
    script = 'cat "$1" "$1"; echo "$2"; env | grep -c unter2 || true'
    program = Program(("sh", "-c", script, "sh", HANDED, f"x{HANDED}"), handed=Secret("hunter2\n"))
    assert _all_of(ProgramSource("data", program)) == f"hunter2\nhunter2\nx{HANDED}\n0\n".encode()
    assert "hunter2" not in repr(program)


def test_a_missing_program_is_named() -> None:
    with pytest.raises(ToolError, match="no-such-dump cannot be run: no such file"):
        _all_of(ProgramSource("data", Program(("/opt/no-such-dump",))))


def test_a_secret_is_in_no_argument_and_in_no_message() -> None:
    program = _shell('echo "password $PGPASSWORD is wrong" >&2; exit 1', PGPASSWORD="hunter2")
    assert "hunter2" not in repr(program) + " ".join(program.arguments)
    with pytest.raises(BackupError, match=r"password \*\*\* is wrong"):
        _all_of(ProgramSource("data", program))


def test_a_silent_program_ends_when_it_is_told_to_with_all_that_it_has_started(tmp_path: Path) -> None:
    stop = threading.Event()
    source = ProgramSource("data", _shell(f"sleep 1000 & echo $! > {tmp_path}/pid; wait"))
    caught: list[BackupError] = []

    def read() -> None:
        try:
            _all_of(source, stop)
        except BackupError as error:
            caught.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    child = int((tmp_path / "pid").read_text())
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert "stopped" in str(caught[0])
    eventually(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_a_program_that_does_not_listen_to_a_polite_signal_is_killed() -> None:
    with (
        pytest.raises(InterruptedError),
        ProgramSource("data", _shell("trap '' TERM; echo ready; while :; do sleep 0.1; done")).opened(NEVER) as reader,
    ):
        raise InterruptedError(reader.read(100))


def test_a_program_that_says_more_than_its_pipe_holds_is_not_held_up() -> None:
    source = ProgramSource("data", _shell("head -c 3000000 /dev/zero | tr '\\0' e >&2; echo done"))
    assert _all_of(source) == b"done\n"
    assert len(source.remarks) <= 64 << 10


def test_a_sink_takes_all_of_it(tmp_path: Path) -> None:
    _give(ProgramSink(_shell(f"cat > {tmp_path}/out")), b"one", bytes(3 << 20), b"two")
    assert (tmp_path / "out").read_bytes() == b"one" + bytes(3 << 20) + b"two"


def test_a_sink_that_fails_in_the_middle_is_told_with_its_own_words() -> None:
    with pytest.raises(BackupError, match="exit code 2: no room"):
        _give(ProgramSink(_shell("head -c 10 >/dev/null; echo no room >&2; exit 2")), *[bytes(1 << 20)] * 8)


def test_a_sink_that_ends_early_without_a_fault_has_not_taken_it() -> None:
    with pytest.raises(BackupError, match="before it had taken all"):
        _give(ProgramSink(_shell("head -c 10 >/dev/null")), *[bytes(1 << 20)] * 8)


def test_a_sink_that_takes_nothing_and_calls_that_well_is_told() -> None:
    """What it was given fits into the pipe, so that no write fails."""
    with pytest.raises(BackupError, match=r"^sh (reported success, and took nothing of what it was given|ended before it had taken all)"):
        _give(ProgramSink(_shell("exit 0")), b"all of it")


def test_a_sink_that_is_slow_to_begin_is_waited_for(tmp_path: Path) -> None:
    _give(ProgramSink(_shell(f"sleep 0.3; cat > {tmp_path}/out")), b"all of it")
    assert (tmp_path / "out").read_bytes() == b"all of it"


def test_a_sink_that_is_given_nothing_may_take_nothing() -> None:
    _give(ProgramSink(_shell("exit 0")))


def test_a_sink_that_fails_at_its_end_is_told() -> None:
    with pytest.raises(BackupError, match="exit code 4"):
        _give(ProgramSink(_shell("cat >/dev/null; exit 4")), b"all of it")


def test_a_sink_that_does_not_read_can_be_stopped() -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(BackupError, match="stopped"):
        _give(ProgramSink(_shell("sleep 1000")), *[bytes(1 << 20)] * 8, stop=stop)


def test_no_descriptor_is_left_open() -> None:
    before = psutil.Process().num_fds()
    for _ in range(5):
        _all_of(ProgramSource("data", _shell("echo x")))
        _give(ProgramSink(_shell("cat >/dev/null")), b"x")
    assert psutil.Process().num_fds() == before

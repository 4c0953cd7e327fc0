"""What local processes use."""

from __future__ import annotations

import mmap
import os
import platform
import subprocess
import sys

import pytest

from aishell_core.processes import own_memory_bytes, process_samples


def test_a_process_is_told_by_its_pid_with_all_that_its_owner_may_know() -> None:
    samples = process_samples((os.getpid(),))
    assert {sample.labels for sample in samples} == {(("pid", str(os.getpid())),)}
    found = {sample.metric.name: sample.value for sample in samples}
    assert found["process.memory.used"] > 2**20
    assert found["process.cpu.rate"] > 0
    if sys.platform == "linux":
        assert found["process.write.rate"] >= 0
        assert found["process.read.rate"] >= 0


def test_processor_time_is_counted_in_milliseconds() -> None:
    def told() -> float:
        return next(sample.value for sample in process_samples((os.getpid(),)) if sample.metric.name == "process.cpu.rate")

    def own() -> float:
        times = os.times()
        return (times.user + times.system) * 1000

    before, value, after = own(), told(), own()
    tick = 10.0
    assert before - tick <= value <= after + tick


def test_a_process_that_is_gone_is_left_out_without_a_word() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    samples = process_samples((gone.pid, os.getpid(), -1))
    assert {sample.labels for sample in samples} == {(("pid", str(os.getpid())),)}


def test_a_process_that_has_ended_but_is_not_waited_for_does_no_harm() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as zombie:
        assert zombie.stdout is not None
        zombie.stdout.read()
        samples = process_samples((zombie.pid,))
    assert all(sample.value >= 0 for sample in samples)


def test_the_own_memory_grows_with_what_is_held() -> None:
    before = own_memory_bytes()
    # Pages of its own: what was let go of before would be taken again without any growth.
    with mmap.mmap(-1, 32 << 20) as held:
        held.write(b"x" * len(held))
        assert own_memory_bytes() - before > 16 << 20


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives each thread a heap of its own")
@pytest.mark.parametrize(("call", "heaps"), [("share_one_heap()", "one"), ("None", "several")])
def test_all_threads_share_one_heap(call: str, heaps: str) -> None:
    program = (
        "import ctypes, threading\n"
        "from aishell_core.processes import share_one_heap\n"
        f"{call}\n"
        "allocate = ctypes.PyDLL(None).malloc  # with the interpreter's lock held\n"
        "threads = [threading.Thread(target=allocate, args=(2000,)) for _ in range(4)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "ctypes.CDLL(None).malloc_stats()\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    assert (told.count("Arena") == 1) is (heaps == "one")

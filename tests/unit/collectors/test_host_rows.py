"""Which of the machine's figures become samples, and how."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.host import CpuTimes, DiskCounters, HostIdentity, HostLook, InterfaceCounters, Mount, Space, Usage
from aishell_core.engines.host_kernel import ClockState, MemoryEvents, parse_vmstat
from aishell_core.values import Sample
from collectors.host.rows import (
    host_facts,
    look_samples,
    outer_interfaces,
    space_samples,
    uptime_samples,
    watched_mounts,
    whole_disks,
)
from collectors.host.state_rows import clock_samples, raid_samples


def named(samples: tuple[Sample, ...]) -> dict[str, float]:
    return {" ".join((sample.metric.name, *(value for _, value in sample.labels))): sample.value for sample in samples}


def disk(name: str) -> DiskCounters:
    return DiskCounters(name, 1, 2, 3, 4)


def disk_names(*names: str) -> list[str]:
    return [found.name for found in whole_disks(disk(name) for name in names)]


def interface_names(*names: str) -> list[str]:
    return [found.name for found in outer_interfaces(InterfaceCounters(name, 1, 2) for name in names)]


def test_the_cpu_shares_are_those_between_two_looks() -> None:
    before, after = CpuTimes(100.0, 400.0, 20.0), CpuTimes(103.0, 404.0, 20.5)
    assert named(look_samples(before, HostLook(cpu=after))) == {"host.cpu.usage": 0.75, "host.cpu.iowait": 0.125}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, CpuTimes(1.0, 2.0, 0.5)),
        (CpuTimes(1.0, 2.0, 0.5), None),
        (CpuTimes(1.0, 2.0, 0.5), CpuTimes(1.0, 2.0, 0.5)),
        (CpuTimes(5.0, 9.0, 0.5), CpuTimes(1.0, 2.0, 0.5)),
        (CpuTimes(0.0, 0.0), CpuTimes(0.0, 0.0)),
    ],
    ids=["first look", "not told", "no time passed", "counters fell", "a sandbox that counts nothing"],
)
def test_without_two_different_looks_there_is_no_cpu_share(before: CpuTimes | None, after: CpuTimes | None) -> None:
    assert look_samples(before, HostLook(cpu=after)) == ()


def test_a_machine_without_iowait_has_a_cpu_share_all_the_same() -> None:
    assert named(look_samples(CpuTimes(1.0, 2.0), HostLook(cpu=CpuTimes(2.0, 4.0)))) == {"host.cpu.usage": 0.5}


def test_time_that_a_hypervisor_gave_to_others_is_told_where_it_is_counted() -> None:
    before, after = CpuTimes(100.0, 400.0, 20.0, 5.0), CpuTimes(103.0, 404.0, 20.5, 6.0)
    assert named(look_samples(before, HostLook(cpu=after)))["host.cpu.steal"] == 0.25
    assert "host.cpu.steal" not in named(look_samples(before, HostLook(cpu=CpuTimes(103.0, 404.0, 20.5))))


def test_page_faults_and_ended_processes_are_sampled_raw() -> None:
    text = "nr_free_pages 12\npgfault 99\npgmajfault 193773\noom_kill 2\n"
    assert parse_vmstat(text) == MemoryEvents(193773, 2)
    assert named(look_samples(None, HostLook(events=parse_vmstat(text)))) == {
        "host.memory.faults.rate": 193773,
        "host.memory.kills.rate": 2,
    }
    assert parse_vmstat("pgmajfault 7\n") == MemoryEvents(7, None), "before Linux 4.13"
    assert parse_vmstat("pgmajfault odd\n\0oom_kill") == MemoryEvents()


def test_times_of_a_disk_are_told_where_they_are_counted() -> None:
    timed = DiskCounters("sda", 1, 2, 3, 4, 50.0, 60.0, None)
    found = named(look_samples(None, HostLook(disks=(timed,))))
    assert found["host.disk.read.time.rate sda"] == 50
    assert found["host.disk.write.time.rate sda"] == 60
    assert "host.disk.busy.time.rate sda" not in found


def test_files_that_can_still_be_made_are_a_share_and_no_limit_is_none() -> None:
    assert named(space_samples("/", Space(100, 40, 60, 1000, 250))) == {
        "host.disk.usage /": 0.4,
        "host.disk.free /": 60,
        "host.disk.files.usage /": 0.75,
    }
    assert "host.disk.files.usage /" not in named(space_samples("/", Space(100, 40, 60)))


DEGRADED = """Personalities : [raid1] [raid6] [raid5] [raid4]
md0 : active raid1 sdb1[1](F) sda1[0]
      1953512 blocks super 1.2 [2/1] [U_]
      [==>..................]  recovery = 12.6% (37043392/292945152) finish=127.5min speed=33440K/sec

md1 : active raid5 sdc1[3] sdb2[1] sda2[0]
      3906764800 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/3] [UUU]
      bitmap: 0/15 pages [0KB], 65536KB chunk

md2 : active raid0 sde[1] sdd[0]
      3906764800 blocks super 1.2 512k chunks

md126 : active raid1 sdg[1] sdh[0]
      1465 blocks super external:/md127/0 [2/2] [UU]

md127 : inactive sdh[1](S) sdg[0](S)
      5288 blocks super external:imsm

md9 : inactive sdi[0](S)
      1953512 blocks super 1.2

unused devices: <none>
"""


def test_an_array_tells_how_many_disks_it_lacks() -> None:
    found = named(raid_samples(DEGRADED))
    assert found == {
        "host.raid.missing md0": 1,
        "host.raid.missing md1": 0,
        "host.raid.missing md126": 0,
        "host.raid.missing md9": 1,
    }
    assert raid_samples("Personalities :\nunused devices: <none>\n") == ()


@given(st.text())
def test_any_text_in_the_place_of_the_arrays_is_harmless(text: str) -> None:
    assert all(sample.value >= 0 for sample in raid_samples(text))


def test_a_clock_that_nobody_sets_has_no_known_offset() -> None:
    assert named(clock_samples(ClockState(-0.062, True))) == {"host.clock.unsynchronised": 0, "host.clock.offset": 62}
    assert named(clock_samples(ClockState(0.0, False))) == {"host.clock.unsynchronised": 1}
    assert clock_samples(None) == ()


TIMES = st.floats(0, 1e9)


@given(
    st.builds(CpuTimes, TIMES, TIMES, st.none() | TIMES, st.none() | TIMES),
    st.builds(CpuTimes, TIMES, TIMES, st.none() | TIMES, st.none() | TIMES),
)
def test_a_share_is_never_outside_of_zero_to_one(before: CpuTimes, after: CpuTimes) -> None:
    assert all(0.0 <= sample.value <= 1.0 for sample in look_samples(before, HostLook(cpu=after)))


def test_what_the_machine_does_not_tell_is_left_out() -> None:
    assert look_samples(None, HostLook()) == ()


def test_memory_and_swap_become_shares_and_no_swap_is_no_share() -> None:
    memory = Usage(1000, 250, 750)
    with_swap = named(look_samples(None, HostLook(memory=memory, swap=Usage(100, 30, 70))))
    assert with_swap == {"host.memory.usage": 0.25, "host.memory.used": 250, "host.swap.usage": 0.3}
    assert "host.swap.usage" not in named(look_samples(None, HostLook(memory=memory, swap=Usage(0, 0, 0))))


def test_load_cores_disks_and_interfaces_are_sampled_raw() -> None:
    look = HostLook(cores=4, load_1m=1.5, disks=(disk("sda"),), interfaces=(InterfaceCounters("eth0", 7, 8),))
    assert named(look_samples(None, look)) == {
        "host.cpu.cores": 4,
        "host.load.1m": 1.5,
        "host.disk.reads.rate sda": 1,
        "host.disk.writes.rate sda": 2,
        "host.disk.read.rate sda": 3,
        "host.disk.write.rate sda": 4,
        "host.network.received.rate eth0": 7,
        "host.network.sent.rate eth0": 8,
    }


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (("sda", "sda1", "sda15", "sdb"), ["sda", "sdb"]),
        (("nvme0n1", "nvme0n1p1", "nvme0n1p2", "nvme1n1"), ["nvme0n1", "nvme1n1"]),
        (("mmcblk0", "mmcblk0p1", "mmcblk0boot0"), ["mmcblk0", "mmcblk0boot0"]),
        (("vda", "loop0", "ram0", "zram0", "sr0", "fd0", "dm-0", "md127"), ["vda"]),
        (("dm-0", "dm-1", "loop3"), ["dm-0", "dm-1"]),
        (("xvda1",), ["xvda1"]),
        (("disk0", "disk1"), ["disk0", "disk1"]),
        (("loop0",), []),
        ((), []),
    ],
)
def test_each_physical_disk_counts_once(seen: tuple[str, ...], expected: list[str]) -> None:
    assert disk_names(*seen) == expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (("lo", "eth0"), ["eth0"]),
        (("lo", "eth0", "ifb0", "ifb1", "docker0", "br-12ab", "veth9f3c", "virbr0", "wg0", "tun0", "flannel.1"), ["eth0"]),
        (("lo", "enp3s0", "wlp2s0", "enp3s0.100", "bond0"), ["enp3s0", "wlp2s0"]),
        (("lo", "tap0"), ["tap0"]),
        (("lo0", "en0", "utun3", "awdl0", "bridge0"), ["en0"]),
        (("lo",), []),
    ],
)
def test_traffic_counts_where_it_leaves_the_machine(seen: tuple[str, ...], expected: list[str]) -> None:
    assert interface_names(*seen) == expected


def test_the_root_is_watched_even_in_a_container_and_files_bound_into_it_are_not() -> None:
    mounts = (
        Mount("/", "overlay", "overlay"),
        Mount("/proc", "proc", "proc"),
        Mount("/dev/shm", "shm", "tmpfs"),
        Mount("/etc/hosts", "/dev/sda1", "ext4"),
        Mount("/etc/resolv.conf", "/dev/sda1", "ext4"),
        Mount("/var/lib/postgresql/data", "/dev/sdb", "xfs"),
    )
    assert watched_mounts(mounts) == ("/", "/var/lib/postgresql/data")


def test_a_file_system_mounted_twice_is_watched_where_it_is_mounted_highest() -> None:
    mounts = (
        Mount("/srv/data/inner", "/dev/sdb1", "ext4"),
        Mount("/srv/data", "/dev/sdb1", "ext4"),
        Mount("/", "/dev/sda2", "ext4"),
        Mount("/home/me/bound", "/dev/sda2", "ext4"),
        Mount("/boot/efi", "/dev/sda1", "vfat"),
        Mount("/mnt/nas", "nas:/volume", "nfs4"),
        Mount("/mnt/nas", "systemd-1", "autofs"),
        Mount("/snap/core/1", "/dev/loop0", "squashfs", read_only=True),
        Mount("/media/dvd", "/dev/sr0", "vfat", read_only=True),
    )
    assert watched_mounts(mounts) == ("/", "/boot/efi", "/mnt/nas", "/srv/data")


def test_the_root_is_watched_where_no_mount_is_told_at_all() -> None:
    assert watched_mounts(()) == ("/",)


def test_space_counts_what_only_root_may_fill_as_used_up() -> None:
    assert named(space_samples("/", Space(1000, 600, 200))) == {"host.disk.usage /": 0.75, "host.disk.free /": 200}
    assert space_samples("/proc", Space(0, 0, 0)) == ()


def test_a_machine_that_starts_in_the_future_has_no_uptime() -> None:
    assert named(uptime_samples(100.0, 160.0)) == {"uptime": 60.0}
    assert uptime_samples(161.0, 160.0) == ()
    assert uptime_samples(None, 160.0) == ()


def test_the_facts_name_the_machine_and_leave_out_what_is_not_known() -> None:
    facts = host_facts(HostIdentity("db1", "Debian 12", "Linux 6.1", "x86_64", None, None, 5.0))
    assert (facts.engine, facts.version, facts.started_at) == ("host", "Debian 12", 5.0)
    assert facts.details == (("hostname", "db1"), ("os", "Debian 12"), ("kernel", "Linux 6.1"), ("architecture", "x86_64"))

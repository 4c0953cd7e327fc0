"""From the machine's figures to samples, all pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aishell_core.catalogue import (
    HOST_CORES,
    HOST_CPU,
    HOST_DISK_BUSY,
    HOST_DISK_FILES,
    HOST_DISK_FREE,
    HOST_DISK_READ,
    HOST_DISK_READ_ONLY,
    HOST_DISK_READ_OPS,
    HOST_DISK_READ_TIME,
    HOST_DISK_USAGE,
    HOST_DISK_WRITE,
    HOST_DISK_WRITE_OPS,
    HOST_DISK_WRITE_TIME,
    HOST_IOWAIT,
    HOST_LOAD,
    HOST_MAJOR_FAULTS,
    HOST_MEMORY,
    HOST_MEMORY_KILLS,
    HOST_MEMORY_USED,
    HOST_NET_RECEIVED,
    HOST_NET_SENT,
    HOST_STEAL,
    HOST_SWAP,
    UPTIME,
)
from aishell_core.engines.host import CpuTimes, DiskCounters, HostIdentity, HostLook, InterfaceCounters, Mount, Space
from aishell_core.units import format_bytes
from aishell_core.values import Facts, Labels, Metric, Sample

# What is only a view of a disk or of memory; counted again, its traffic would show twice.
_VIRTUAL_DISK = re.compile(r"loop\d+|ram\d+|zram\d+|dm-\d+|md\d+\w*|drbd\d+|bcache\d+|rbd\d+p\d+|zd\d+")
_NO_DISK = re.compile(r"loop\d+|ram\d+|zram\d+|sr\d+|fd\d+")
_PARTITION = re.compile(r"(?P<disk>.*\d)p\d+|(?P<plain>.*\D)\d+|(?P<slice>disk\d+)s\d+")
_LOOPBACK = re.compile(r"lo\d*")
# Bridges, tunnels and the host's ends of containers: what goes through them goes through a real interface too.
_INNER_INTERFACE = re.compile(
    r"(veth|docker|br-|virbr|cni|flannel|cali|cilium|lxc|vnet|tap|tun|wg|ifb|dummy|bond|team|sit|gre|erspan|ip6|ip_vti|"
    r"gif|stf|utun|awdl|llw|bridge|anpi).*|(br|ap)\d+"
)
_FILE_SYSTEMS = frozenset(
    (
        *("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "ufs", "apfs", "hfs"),
        *("vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "ocfs2", "gfs2"),
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "fuse.glusterfs", "lustre", "9p", "virtiofs"),
    )
)
_INNER_FOLDERS = (
    *("/etc", "/proc", "/sys", "/dev", "/run", "/snap", "/System"),
    *("/var/lib/docker", "/var/lib/containers", "/var/lib/kubelet", "/var/snap"),
)
_ROOT = "/"


def look_samples(before: CpuTimes | None, look: HostLook) -> tuple[Sample, ...]:
    """All samples of a look; the CPU's shares are those of the time since the look before."""
    return (
        *cpu_samples(before, look),
        *memory_samples(look),
        *_told((HOST_MAJOR_FAULTS, look.events.major_faults), (HOST_MEMORY_KILLS, look.events.kills)),
        *(sample for disk in whole_disks(look.disks) for sample in disk_samples(disk)),
        *(sample for interface in outer_interfaces(look.interfaces) for sample in interface_samples(interface)),
    )


def cpu_samples(before: CpuTimes | None, look: HostLook) -> tuple[Sample, ...]:
    """Busy, iowait and stolen shares of the time between two looks, load and cores; what is not known is left out."""
    samples = []
    if look.cores is not None:
        samples.append(Sample(HOST_CORES, look.cores))
    if look.load_1m is not None:
        samples.append(Sample(HOST_LOAD, look.load_1m))
    now = look.cpu
    if before is None or now is None or now.total_seconds <= before.total_seconds:
        return tuple(samples)
    elapsed = now.total_seconds - before.total_seconds
    samples.append(Sample(HOST_CPU, _share(now.busy_seconds - before.busy_seconds, elapsed)))
    if now.iowait_seconds is not None and before.iowait_seconds is not None:
        samples.append(Sample(HOST_IOWAIT, _share(now.iowait_seconds - before.iowait_seconds, elapsed)))
    if now.steal_seconds is not None and before.steal_seconds is not None:
        samples.append(Sample(HOST_STEAL, _share(now.steal_seconds - before.steal_seconds, elapsed)))
    return tuple(samples)


def memory_samples(look: HostLook) -> tuple[Sample, ...]:
    """Memory and, where there is some, swap."""
    samples = []
    if look.memory is not None and look.memory.total_bytes > 0:
        samples.append(Sample(HOST_MEMORY, _share(look.memory.used_bytes, look.memory.total_bytes)))
        samples.append(Sample(HOST_MEMORY_USED, look.memory.used_bytes))
    if look.swap is not None and look.swap.total_bytes > 0:
        samples.append(Sample(HOST_SWAP, _share(look.swap.used_bytes, look.swap.total_bytes)))
    return tuple(samples)


def disk_samples(disk: DiskCounters) -> tuple[Sample, ...]:
    """Operations, bytes and times of a disk since the machine started."""
    return _told(
        (HOST_DISK_READ_OPS, disk.reads),
        (HOST_DISK_WRITE_OPS, disk.writes),
        (HOST_DISK_READ, disk.read_bytes),
        (HOST_DISK_WRITE, disk.write_bytes),
        (HOST_DISK_READ_TIME, disk.read_milliseconds),
        (HOST_DISK_WRITE_TIME, disk.write_milliseconds),
        (HOST_DISK_BUSY, disk.busy_milliseconds),
        labels=(("disk", disk.name),),
    )


def interface_samples(interface: InterfaceCounters) -> tuple[Sample, ...]:
    """Bytes of a network interface since it came up."""
    labels = (("interface", interface.name),)
    return Sample(HOST_NET_RECEIVED, interface.received_bytes, labels), Sample(HOST_NET_SENT, interface.sent_bytes, labels)


def space_samples(mount: str, space: Space) -> tuple[Sample, ...]:
    """Used shares and free bytes of a file system; what only root may still fill counts as used up, as in df."""
    labels = (("mount", mount),)
    usable = space.used_bytes + space.free_bytes
    filled = () if usable <= 0 else ((HOST_DISK_USAGE, _share(space.used_bytes, usable)), (HOST_DISK_FREE, float(space.free_bytes)))
    files = () if space.most_files <= 0 else ((HOST_DISK_FILES, _share(space.most_files - space.free_files, space.most_files)),)
    return _told(*filled, *files, labels=labels)


def writable_mounts(mounts: Iterable[Mount]) -> frozenset[str]:
    """Where something can be written; a mount hides what was mounted at its place before."""
    return frozenset(mount.path for mount in {mount.path: mount for mount in mounts}.values() if not mount.read_only)


def read_only_samples(mounts: Iterable[Mount], were_writable: frozenset[str]) -> tuple[Sample, ...]:
    """Of the places that were seen writable whether they still are; those that are unmounted are left out.

    The kernel takes the right to write away after an error of the disk. What was read-only from the beginning is meant so.
    """
    newest = {mount.path: mount for mount in mounts if mount.path in were_writable}
    return tuple(Sample(HOST_DISK_READ_ONLY, float(mount.read_only), (("mount", path),)) for path, mount in newest.items())


def uptime_samples(started_at: float | None, now: float) -> tuple[Sample, ...]:
    """Seconds since the machine started; nothing when the clocks contradict each other."""
    return () if started_at is None or started_at > now else (Sample(UPTIME, now - started_at),)


def host_facts(identity: HostIdentity) -> Facts:
    """What the machine says of itself."""
    details = [("hostname", identity.name), ("os", identity.system), ("kernel", identity.kernel), ("architecture", identity.architecture)]
    if identity.cores is not None:
        details.append(("cores", str(identity.cores)))
    if identity.memory_bytes is not None:
        details.append(("memory", format_bytes(identity.memory_bytes)))
    return Facts("host", version=identity.system, started_at=identity.started_at, details=tuple(details))


def whole_disks(disks: Iterable[DiskCounters]) -> tuple[DiskCounters, ...]:
    """The physical disks: no partitions, no loop or memory devices; stacked ones only where nothing else is seen."""
    seen = {disk.name: disk for disk in disks if not _NO_DISK.fullmatch(disk.name)}
    whole = tuple(disk for name, disk in seen.items() if not _is_part(name, seen))
    return tuple(disk for disk in whole if not _VIRTUAL_DISK.fullmatch(disk.name)) or whole


def _is_part(name: str, names: Iterable[str]) -> bool:
    match = _PARTITION.fullmatch(name)
    return match is not None and any(group in names for group in match.groups() if group)


def outer_interfaces(interfaces: Iterable[InterfaceCounters]) -> tuple[InterfaceCounters, ...]:
    """The interfaces that lead out of the machine; inner ones only where nothing else is seen, loopback never."""
    seen = {item.name: item for item in interfaces if not _LOOPBACK.fullmatch(item.name)}
    outer = tuple(
        item for name, item in seen.items() if not _INNER_INTERFACE.fullmatch(name) and name.partition(".")[0] not in seen.keys() - {name}
    )
    return outer or tuple(seen.values())


def watched_mounts(mounts: Iterable[Mount]) -> tuple[str, ...]:
    """Where to look at space: the root always, and each real, writable file system once, where it is mounted highest."""
    chosen: dict[str, str] = {}
    for mount in sorted(mounts, key=lambda item: (item.path.count("/"), len(item.path), item.path)):
        if mount.path == _ROOT or _is_watched(mount):
            chosen.setdefault(mount.device if mount.path != _ROOT or mount.kind in _FILE_SYSTEMS else _ROOT, mount.path)
    return tuple(sorted({_ROOT, *chosen.values()}))


def _is_watched(mount: Mount) -> bool:
    inner = any(mount.path == folder or mount.path.startswith(folder + "/") for folder in _INNER_FOLDERS)
    return mount.kind in _FILE_SYSTEMS and not mount.read_only and (not inner or mount.path.startswith("/run/media/"))


def _told(*figures: tuple[Metric, float | None], labels: Labels = ()) -> tuple[Sample, ...]:
    """A sample for each figure that is known."""
    return tuple(Sample(metric, value, labels) for metric, value in figures if value is not None)


def _share(part: float, whole: float) -> float:
    return min(max(part / whole, 0.0), 1.0)

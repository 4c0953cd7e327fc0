"""The machine and the processes on it."""

from __future__ import annotations

from aishell_core.catalogue.declare import HOST, SERVED, gauge, rate, ratio
from aishell_core.values import Unit

HOST_CPU = ratio("host.cpu.usage", HOST, "Busy share of all cores.", 0.85, 0.95, sustained_seconds=60)
HOST_IOWAIT = ratio(
    "host.cpu.iowait", HOST, "Share of time that all cores stood idle with I/O outstanding.", 0.2, 0.5, sustained_seconds=60
)
HOST_STEAL = ratio(
    "host.cpu.steal", HOST, "Share of time that a virtual machine was ready to run and its hypervisor gave the cores to others."
)
HOST_LOAD = gauge("host.load.1m", Unit.COUNT, HOST, "Mean number of runnable or blocked threads in the last minute.")
HOST_CORES = gauge("host.cpu.cores", Unit.COUNT, HOST, "Logical cores.")
HOST_MEMORY = ratio("host.memory.usage", HOST, "Share of memory that is not available to new work.", 0.90, 0.97)
HOST_MEMORY_USED = gauge("host.memory.used", Unit.BYTES, HOST, "Memory that is not available to new work.")
HOST_SWAP = ratio("host.swap.usage", HOST, "Used share of swap; absent without swap.", 0.5, 0.9)
HOST_MAJOR_FAULTS = rate(
    "host.memory.faults.rate", Unit.PER_SECOND, HOST, "Pages of memory that had to be read from disk before a process could go on; Linux."
)
HOST_MEMORY_KILLS = rate("host.memory.kills.rate", Unit.PER_SECOND, HOST, "Processes that the kernel ended for want of memory; Linux.")
HOST_DISK_USAGE = ratio("host.disk.usage", HOST, "Used share of a file system, by the label `mount`.", 0.75, 0.90)
HOST_DISK_FREE = gauge("host.disk.free", Unit.BYTES, HOST, "Free bytes of a file system, by the label `mount`.")
HOST_DISK_FILES = ratio(
    "host.disk.files.usage",
    HOST,
    "Used share of the files (inodes) that a file system can have, by the label `mount`; left out where it sets no limit.",
)
HOST_DISK_READ_ONLY = gauge(
    "host.disk.read_only",
    Unit.COUNT,
    HOST,
    "1 while a file system that could be written takes no writes any more, by the label `mount`.",
)
HOST_DISK_READ_OPS = rate("host.disk.reads.rate", Unit.PER_SECOND, HOST, "Reads that disks finished, by the label `disk`.")
HOST_DISK_WRITE_OPS = rate("host.disk.writes.rate", Unit.PER_SECOND, HOST, "Writes that disks finished, by the label `disk`.")
HOST_DISK_READ = rate("host.disk.read.rate", Unit.BYTES_PER_SECOND, HOST, "Bytes read from disks, by the label `disk`.")
HOST_DISK_WRITE = rate("host.disk.write.rate", Unit.BYTES_PER_SECOND, HOST, "Bytes written to disks, by the label `disk`.")
HOST_DISK_READ_TIME = rate(
    "host.disk.read.time.rate", Unit.MILLISECONDS_PER_SECOND, HOST, "Time that the reads of disks took together, by the label `disk`."
)
HOST_DISK_WRITE_TIME = rate(
    "host.disk.write.time.rate", Unit.MILLISECONDS_PER_SECOND, HOST, "Time that the writes of disks took together, by the label `disk`."
)
HOST_DISK_BUSY = rate(
    "host.disk.busy.time.rate",
    Unit.MILLISECONDS_PER_SECOND,
    HOST,
    "Time for which a disk had something to do, by the label `disk`; 1000 is all the time.",
)
HOST_RAID_MISSING = gauge(
    "host.raid.missing", Unit.COUNT, HOST, "Disks that a software RAID lacks, by the label `array`; Linux (/proc/mdstat)."
)
HOST_CLOCK_OFFSET = gauge(
    "host.clock.offset", Unit.MILLISECONDS, HOST, "How far the clock is off, in either direction, as its daemon told the kernel; Linux."
)
HOST_CLOCK_UNSYNCHRONISED = gauge("host.clock.unsynchronised", Unit.COUNT, HOST, "1 while nobody sets the machine's clock right; Linux.")
HOST_NET_RECEIVED = rate("host.network.received.rate", Unit.BYTES_PER_SECOND, HOST, "Bytes received, by the label `interface`.")
HOST_NET_SENT = rate("host.network.sent.rate", Unit.BYTES_PER_SECOND, HOST, "Bytes sent, by the label `interface`.")
PROCESS_CPU = rate(
    "process.cpu.rate",
    Unit.MILLISECONDS_PER_SECOND,
    SERVED,
    "CPU time of the local processes of a target, by the label `pid`.",
)
PROCESS_READ = rate(
    "process.read.rate",
    Unit.BYTES_PER_SECOND,
    SERVED,
    "Bytes that a local process of a target read from disk, by the label `pid`.",
)
PROCESS_WRITE = rate(
    "process.write.rate",
    Unit.BYTES_PER_SECOND,
    SERVED,
    "Bytes that a local process of a target wrote to disk, by the label `pid`.",
)
PROCESS_MEMORY = gauge("process.memory.used", Unit.BYTES, SERVED, "Resident memory of a local process of a target, by the label `pid`.")

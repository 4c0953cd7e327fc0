"""The machine and the processes on it."""

from __future__ import annotations

from aishell_core.catalogue.declare import HOST, SERVED, gauge, rate, ratio
from aishell_core.values import Unit

HOST_CPU = ratio("host.cpu.usage", HOST, "Busy share of all cores.", 0.85, 0.95, sustained_seconds=60)
HOST_IOWAIT = ratio(
    "host.cpu.iowait", HOST, "Share of time that all cores stood idle with I/O outstanding.", 0.2, 0.5, sustained_seconds=60
)
HOST_LOAD = gauge("host.load.1m", Unit.COUNT, HOST, "Mean number of runnable or blocked threads in the last minute.")
HOST_CORES = gauge("host.cpu.cores", Unit.COUNT, HOST, "Logical cores.")
HOST_MEMORY = ratio("host.memory.usage", HOST, "Share of memory that is not available to new work.", 0.90, 0.97)
HOST_MEMORY_USED = gauge("host.memory.used", Unit.BYTES, HOST, "Memory that is not available to new work.")
HOST_SWAP = ratio("host.swap.usage", HOST, "Used share of swap; absent without swap.", 0.5, 0.9)
HOST_DISK_USAGE = ratio("host.disk.usage", HOST, "Used share of a file system, by the label `mount`.", 0.75, 0.90)
HOST_DISK_FREE = gauge("host.disk.free", Unit.BYTES, HOST, "Free bytes of a file system, by the label `mount`.")
HOST_DISK_READ_OPS = rate("host.disk.reads.rate", Unit.PER_SECOND, HOST, "Reads that disks finished, by the label `disk`.")
HOST_DISK_WRITE_OPS = rate("host.disk.writes.rate", Unit.PER_SECOND, HOST, "Writes that disks finished, by the label `disk`.")
HOST_DISK_READ = rate("host.disk.read.rate", Unit.BYTES_PER_SECOND, HOST, "Bytes read from disks, by the label `disk`.")
HOST_DISK_WRITE = rate("host.disk.write.rate", Unit.BYTES_PER_SECOND, HOST, "Bytes written to disks, by the label `disk`.")
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

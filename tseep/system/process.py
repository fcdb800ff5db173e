"""Facts of the operating system about this process and its machine."""

from __future__ import annotations

import ctypes
import os
import sys
from types import ModuleType
from typing import Optional

resource: Optional[ModuleType]
try:
    import resource
except ImportError:  # not a Unix
    resource = None

STATM = "/proc/self/statm"
"""Linux's figures on the memory of this process (proc(5))."""

_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def resident_memory() -> int:
    """Resident memory of the process in bytes; its peak on systems without C{/proc}."""
    try:
        with open(STATM, "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return _peak()


def release_memory() -> None:
    """
    Return freed memory to the system with glibc's C{malloc_trim}. glibc keeps free memory below a block in use, a
    gigabyte or more after large buffers of slow clients. Does nothing with another C library.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def main_thread_cpu() -> tuple[float, float]:
    """Seconds of CPU time that the main thread has used: in user mode, and in the kernel; zeros without C{/proc}."""
    pid = os.getpid()
    try:
        with open(f"/proc/self/task/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return 0.0, 0.0
    ticks = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / ticks, int(fields[12]) / ticks


def private_memory(pid: int) -> int:
    """Bytes that a child process has copied since the fork; 0 if the system does not report it."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
            return sum([1024 * int(line.split()[1]) for line in rollup if line.startswith(b"Private_Dirty:")])
    except OSError:
        return 0


def cores() -> int:
    """Number of cores that the process is allowed to use."""
    affinity = getattr(os, "sched_getaffinity", None)  # missing in PyPy
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def supervised() -> bool:
    """True if systemd started the process with C{Type=notify}."""
    return "NOTIFY_SOCKET" in os.environ


def peak_memory() -> int:
    """Peak resident memory of the process in bytes."""
    return max(_peak(), resident_memory())


def _peak() -> int:
    return 0 if resource is None else int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * _PEAK_UNIT


def system_memory() -> int:
    """Memory of the machine in bytes; 0 if the system does not report it."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0

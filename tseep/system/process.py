"""What the operating system says of this process and its machine."""

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
"""Where Linux tells what the process takes."""

_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def resident_memory() -> int:
    """Bytes of memory that the process takes; its peak where the system does not tell."""
    try:
        with open(STATM, "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return _peak()


def release_memory() -> None:
    """
    Give the memory back to the system that was freed. glibc keeps what lies below something that is still used, after
    large buffers of slow clients a gigabyte or more, until its C{malloc_trim} is called; elsewhere there is no such
    function, and nothing is done.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def cores() -> int:
    """How many cores the process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # which PyPy does not have
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def supervised() -> bool:
    """Whether systemd has started the process, and wants to be told of it."""
    return "NOTIFY_SOCKET" in os.environ


def peak_memory() -> int:
    """The most bytes of memory that the process ever took."""
    return max(_peak(), resident_memory())


def _peak() -> int:
    return 0 if resource is None else int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * _PEAK_UNIT


def system_memory() -> int:
    """Bytes of memory of the machine, 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0

"""The machine a figure was measured on, without which it says nothing."""

from __future__ import annotations

import os
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path


def cpu_model() -> str:
    """Return the processor's name, or its architecture where Linux does not tell."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # PyPy has no word on affinity


def today() -> str:
    """Return the date and time in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def python() -> str:
    """Return the name and version of the interpreter that runs the rig."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def described() -> dict[str, object]:
    """Return the machine as it goes into a report's JSON."""
    return {
        "cpu": cpu_model(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
    }


def command_line() -> str:
    """Return the command line of this run."""
    return " ".join(sys.argv)

"""The description of the machine and of the rig for a report."""

from __future__ import annotations

import platform
import shlex
import sys
from datetime import datetime, timezone
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def cpu_model() -> str:
    """Return the processor's name, or its architecture where Linux does not show the name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def cores() -> int:
    """Return the number of cores that this process can run on."""
    affinity: list[int] = psutil.Process().cpu_affinity()
    return len(affinity)


def today() -> str:
    """Return the time in UTC in ISO format, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def python() -> str:
    """Return the name and version of the interpreter that runs the rig."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def described() -> dict[str, object]:
    """Return the machine as in schema.json."""
    return {
        "cpu": cpu_model(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "memory_mib": psutil.virtual_memory().total // 2**20,
    }


def command_line() -> str:
    """Return the command line of this run for a shell in the root of the repository."""
    program = Path(sys.argv[0]).resolve()
    if REPOSITORY in program.parents:
        program = program.relative_to(REPOSITORY)
    return shlex.join([str(program), *sys.argv[1:]])

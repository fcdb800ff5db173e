"""What Linux says of one process under /proc: its CPU, context switches, threads and memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")

KIB = 1024
TICKS = os.sysconf("SC_CLK_TCK")
SCHEDULED = 2  # the kind of CPU clock that counts what the scheduler gave, CPUCLOCK_SCHED


class Switches(NamedTuple):
    """Context switches: given up to wait (voluntary), or taken away (involuntary)."""

    voluntary: int
    involuntary: int


class Sample(NamedTuple):
    """A process at one moment: CPU seconds since its start, resident bytes, the switches of each
    thread by thread id, clock ticks in user and in kernel mode, and open files."""

    cpu_seconds: float
    resident: int
    threads: dict[int, Switches]
    user: int = 0
    system: int = 0
    files: int = 0


class Use(NamedTuple):
    """What a process used between two samples."""

    cpu_seconds: float
    voluntary: int
    involuntary: int


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, of its ended threads too, in seconds.

    This is the clock of clock_getcpuclockid(3), which Python lacks for other processes. It
    counts nanoseconds, where /proc/PID/stat counts hundredths of a second.
    """
    return time.clock_gettime(~pid << 3 | SCHEDULED)


def fields_of(status: str) -> dict[str, str]:
    """Return the fields of /proc/PID/status, or of any text of `name: value` lines."""
    pairs = (line.partition(":") for line in status.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def switches(status: str) -> Switches:
    """Return the context switches in the text of /proc/PID/task/TID/status."""
    fields = fields_of(status)
    return Switches(int(fields["voluntary_ctxt_switches"]), int(fields["nonvoluntary_ctxt_switches"]))


def status(pid: int) -> str:
    """Return the text of /proc/PID/status."""
    return Path(f"/proc/{pid}/status").read_text()


def resident(status: str) -> int:
    """Return the resident memory in the text of /proc/PID/status, in bytes."""
    return int(fields_of(status)["VmRSS"].split()[0]) * KIB


def _thread(task: Path) -> Switches | None:
    try:
        return switches((task / "status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None  # it ended after it was listed


def threads(pid: int) -> dict[int, Switches]:
    """Return the switches of each living thread of a process."""
    found = ((int(task.name), _thread(task)) for task in Path(f"/proc/{pid}/task").iterdir())
    return {number: counted for number, counted in found if counted is not None}


def sample(pid: int) -> Sample:
    """Look at a process now."""
    return Sample(cpu_seconds(pid), resident(status(pid)), threads(pid), *ticks(pid), open_files(pid))


def stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on, the state; the second, the name, may have
    spaces in it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def ticks(pid: int) -> tuple[int, int]:
    """Return a process's clock ticks in user and in kernel mode."""
    fields = stat(pid)
    return int(fields[11]), int(fields[12])


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants that live, itself first."""
    children: dict[int, list[int]] = {}
    for found in os.listdir("/proc"):
        if found.isdigit():
            try:
                children.setdefault(int(stat(int(found))[1]), []).append(int(found))
            except (OSError, IndexError):  # it ended after it was listed
                pass
    members = [pid]
    for member in members:
        members += children.get(member, [])
    return members


def of_each(pids: Iterable[int], look: Callable[[int], T]) -> dict[int, T]:
    """Return what a function says of each process; those that have ended by now are left out."""
    found = {}
    for pid in pids:
        try:
            found[pid] = look(pid)
        except (OSError, KeyError):  # a process that has ended but is not reaped has no memory
            pass
    return found


def use(before: Sample, after: Sample) -> Use:
    """Return what was used between two samples.

    A thread born between them counts from nought. One that ended took its switches with it, so
    the second sample has to be taken while the clients are still connected.
    """
    none = Switches(0, 0)
    voluntary = involuntary = 0
    for number, now in after.threads.items():
        then = before.threads.get(number, none)
        voluntary += now.voluntary - then.voluntary
        involuntary += now.involuntary - then.involuntary
    return Use(after.cpu_seconds - before.cpu_seconds, voluntary, involuntary)


class Cores(NamedTuple):
    """The time of all cores since the machine started, in seconds: idle, and all together."""

    idle: float
    total: float


def cores(stat: str) -> Cores:
    """Return the machine's times from the text of /proc/stat. What the host of a virtual
    machine took away ("steal") is not idle."""
    times = [int(field) for field in stat.partition("\n")[0].split()[1:9]]
    return Cores((times[3] + times[4]) / TICKS, sum(times) / TICKS)


def cores_now() -> Cores:
    """Look at the machine's cores now."""
    return cores(Path("/proc/stat").read_text())


def idle_share(before: Cores, after: Cores) -> float:
    """Return which part of the cores' time was idle between two looks."""
    return (after.idle - before.idle) / max(1 / TICKS, after.total - before.total)


def others_share(before: Cores, after: Cores, own: float) -> float:
    """Return which part of the cores' time others took between two looks, other programs and
    the host; `own` is the CPU time in seconds of the programs that are not others."""
    total = max(1 / TICKS, after.total - before.total)
    return max(0.0, 1 - idle_share(before, after) - own / total)


def open_files(pid: int) -> int:
    """Return how many files and sockets a process has open."""
    folder = f"/proc/{pid}/fd"
    return os.stat(folder).st_size or len(os.listdir(folder))  # Linux before 6.2 does not tell at once


def settle(pid: int, files: int, patience: float = 1.0) -> int:
    """Wait until a process and its descendants have `files` files open together, or until their count has
    not changed for `patience` seconds. Return the count.

    A connection is made by the kernel, before the server has accepted it; only its files tell
    when the server has.
    """
    count, since, members = -1, time.monotonic(), tree(pid)
    while time.monotonic() - since < patience:
        last, count = count, sum(map(open_files, members))
        if count >= files:
            break
        if count != last:
            since = time.monotonic()
        time.sleep(0.02)
    return count

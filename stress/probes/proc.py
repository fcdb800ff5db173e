"""CPU time, context switches, threads, memory and open files of a process, and the times of the machine's cores.

psutil reads what it has as exactly as the rig needs it. Three figures are read from the kernel here:

- CPU time, from the process's clock in nanoseconds; psutil has the hundredths of a second of /proc/PID/stat.
- Context switches, summed over the threads; psutil.Process.num_ctx_switches() has those of the main thread.
- The number of open files, without listing them, which is slow with 100,000 connections.

On PyPy psutil 7.0 is the last that can be imported: later ones use a function of CPython's that PyPy lacks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import psutil

T = TypeVar("T")

TICK_S = 1 / os.sysconf("SC_CLK_TCK")  # resolution of /proc's times
CPUCLOCK_SCHED = 2  # the kind of CPU clock that counts the time given by the scheduler
SETTLE_POLL_S = 0.02


class Switches(NamedTuple):
    """Context switches: voluntary, when a thread waits, and involuntary, when the scheduler preempts it."""

    voluntary: int
    involuntary: int


class Sample(NamedTuple):
    """A process at one moment: CPU seconds since its start, resident bytes, the switches of each thread by thread id,
    seconds in user and in kernel mode to a hundredth, and open files."""

    cpu_seconds: float
    resident: int
    threads: dict[int, Switches]
    user: float = 0.0
    system: float = 0.0
    files: int = 0


class SecondSample(NamedTuple):
    """The figures of a process that are cheap enough to be read every second; as in L{Sample}, threads by number."""

    resident: int
    threads: int
    files: int
    user: float
    system: float


class ProcessUsage(NamedTuple):
    """The CPU seconds and context switches of a process between two samples."""

    cpu_seconds: float
    voluntary: int
    involuntary: int


@contextmanager
def _running(pid: int) -> Iterator[psutil.Process]:
    """Yield a process; its files are read once each. Raises ProcessLookupError if it does not exist, or has ended
    and is not reaped: such a process has no memory."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                raise psutil.ZombieProcess(pid)
            yield process
    except psutil.NoSuchProcess as gone:
        raise ProcessLookupError(str(gone)) from None


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process, those of its ended threads included, to the nanosecond.

    The clock is that of clock_getcpuclockid(3), which Python lacks for other processes. Raises OSError.
    """
    return time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)


def switches(status: str) -> Switches:
    """Return the context switches in the text of /proc/PID/task/TID/status."""
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return Switches(int(fields["voluntary_ctxt_switches"]), int(fields["nonvoluntary_ctxt_switches"]))


def _thread(task: Path) -> Switches | None:
    try:
        return switches((task / "status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None  # the thread ended after it was listed


def thread_switches(pid: int) -> dict[int, Switches]:
    """Return the switches of each living thread of a process by thread id. Raises OSError."""
    found = ((int(task.name), _thread(task)) for task in Path(f"/proc/{pid}/task").iterdir())
    return {number: counted for number, counted in found if counted is not None}


def open_files(pid: int) -> int:
    """Return how many files and sockets a process has open. Raises OSError."""
    folder = f"/proc/{pid}/fd"
    return os.stat(folder).st_size or len(os.listdir(folder))  # the size is the number since Linux 6.2


def sample(pid: int) -> Sample:
    """Return all figures of a process. Raises OSError."""
    with _running(pid) as process:
        times = process.cpu_times()
        resident = process.memory_info().rss
        return Sample(cpu_seconds(pid), resident, thread_switches(pid), times.user, times.system, open_files(pid))


def second_sample(pid: int) -> SecondSample:
    """Return the figures of a process that are read every second. Raises OSError."""
    with _running(pid) as process:
        times = process.cpu_times()
        resident, threads = process.memory_info().rss, process.num_threads()
        return SecondSample(resident, threads, open_files(pid), times.user, times.system)


def resident(pid: int) -> int:
    """Return the resident bytes of a process. Raises OSError."""
    with _running(pid) as process:
        rss: int = process.memory_info().rss
        return rss


def tree(pid: int) -> list[int]:
    """Return a process and its living descendants, itself first."""
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return [pid]


def is_running(pid: int) -> bool:
    """Return whether a process exists, and has not ended without being reaped."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def of_each(pids: Iterable[int], read: Callable[[int], T]) -> dict[int, T]:
    """Return the result of C{read} for each process that has not ended."""
    found = {}
    for pid in pids:
        try:
            found[pid] = read(pid)
        except OSError:
            pass
    return found


def usage(before: Sample, after: Sample) -> ProcessUsage:
    """Return what a process used between two samples.

    A thread that started between them counts from 0. The kernel drops the switches of a thread that ends, so the
    second sample must precede the end of the connections.
    """
    none = Switches(0, 0)
    voluntary = involuntary = 0
    for number, now in after.threads.items():
        then = before.threads.get(number, none)
        voluntary += now.voluntary - then.voluntary
        involuntary += now.involuntary - then.involuntary
    return ProcessUsage(after.cpu_seconds - before.cpu_seconds, voluntary, involuntary)


class Cores(NamedTuple):
    """The seconds of all cores since the machine started: idle, and in total. Steal time, which the host of a virtual
    machine took, is not idle."""

    idle: float
    total: float


def cores() -> Cores:
    """Return the times of the machine's cores."""
    times = psutil.cpu_times()
    # Guest time is part of user time already.
    busy = times.user + times.nice + times.system + times.irq + times.softirq + times.steal
    return Cores(times.idle + times.iowait, busy + times.idle + times.iowait)


def idle_share(before: Cores, after: Cores) -> float:
    """Return the idle share of the cores' time between two readings."""
    return (after.idle - before.idle) / max(TICK_S, after.total - before.total)


def others_share(before: Cores, after: Cores, own: float) -> float:
    """Return the share of the cores' time between two readings that other programs and the host used; C{own} is the
    CPU time in seconds of the measured programs."""
    total = max(TICK_S, after.total - before.total)
    return max(0.0, 1 - idle_share(before, after) - own / total)


def settle(pid: int, files: int, patience: float = 1.0) -> int:
    """Wait until a process and its descendants have C{files} files open in total, or until that number has not changed
    for C{patience} seconds. Return the number. Raises OSError.

    The kernel completes a connection before the server accepts it; only the server's open files show the accept.
    """
    count, since, members = -1, time.monotonic(), tree(pid)
    while time.monotonic() - since < patience:
        last, count = count, sum(map(open_files, members))
        if count >= files:
            break
        if count != last:
            since = time.monotonic()
        time.sleep(SETTLE_POLL_S)
    return count

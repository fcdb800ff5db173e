"""The cost of the kernel's futex hash table for a program with many sleeping threads, without tseep.

    python stress/study.py slots --slots 2,16,4096

A thousand threads sleep at one lock, and two others pass two further locks to each other. Linux keeps the threads that
sleep in futex(2) in a hash table; since Linux 6.16 each process has its own, whose size prctl(2) sets. A lock that
shares its slot with the thousand is slow, as each wake-up searches all of them. Chance decides at each start which
locks share a slot, hence the many starts. All threads run on one core, where passing a lock is a context switch of
constant cost. Prints a Markdown table. Exit status: 0, or 2 when the kernel has no such table.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import sys
import threading
import time
from statistics import median

from probes import machine
from rig.options import positive, seconds
from studies.common import row, say

PR_FUTEX_HASH, SET_SLOTS, GET_SLOTS = 78, 1, 2  # include/uapi/linux/prctl.h
COLLAPSED_SHARE = 0.5  # of the median with the largest table; a start with a lower rate has collapsed
STACK_BYTES = 256 * 1024
CHILD_TIMEOUT_S = 60.0


def prctl(operation: int, slots: int = 0) -> int:
    """Call prctl(2); return its result, -1 where the kernel does not have the operation."""
    result: int = ctypes.CDLL(None).prctl(PR_FUTEX_HASH, operation, ctypes.c_ulong(slots), ctypes.c_ulong(0))
    return result


def child(slots: int, sleepers: int, duration: float) -> None:
    """Print how many times per second two threads passed locks to each other. Runs in a process of its own."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if prctl(SET_SLOTS, slots) or prctl(GET_SLOTS) != slots:
        raise SystemExit("the kernel has no futex hash table per process: this needs Linux 6.16 or later")
    sys.setswitchinterval(1)  # to keep the wake-ups of CPython's own lock out of the measurement
    threading.stack_size(STACK_BYTES)
    asleep, ping, pong = threading.Lock(), threading.Lock(), threading.Lock()
    for lock in (asleep, ping, pong):
        lock.acquire()
    for _ in range(sleepers):
        threading.Thread(target=asleep.acquire, daemon=True).start()

    def answer() -> None:
        while True:
            ping.acquire()
            pong.release()

    threading.Thread(target=answer, daemon=True).start()
    count, end = 0, time.perf_counter() + duration
    while time.perf_counter() < end:
        ping.release()
        pong.acquire()
        count += 1
    print(count / duration, flush=True)


def measure(slots: int, options: argparse.Namespace) -> float:
    """Return the rate of a new process."""
    code = f"from studies.slots import child; child({slots}, {options.threads}, {options.time})"
    words = [sys.executable, "-c", f"import os, sys; sys.path[0] = {sys.path[0]!r}; {code}; os._exit(0)"]
    return float(
        subprocess.run(words, capture_output=True, check=True, text=True, timeout=CHILD_TIMEOUT_S + options.time).stdout
    )


def numbers(text: str) -> list[int]:
    """Parse positive numbers separated by commas."""
    return [positive(one) for one in text.split(",")]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="stress/study.py slots", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add(
        "--slots",
        type=numbers,
        default="2,16,4096",
        metavar="N,M",
        help="sizes of the hash table, powers of two (2,16,4096)",
    )
    add("--threads", type=positive, default=1000, metavar="N", help="sleeping threads (1000)")
    add("--starts", type=positive, default=20, metavar="N", help="processes for each size (20)")
    add("--time", type=seconds, default=0.5, metavar="S", help="duration of a measurement (0.5)")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    rates: dict[int, list[float]] = {slots: [] for slots in options.slots}
    try:
        for start in range(options.starts):
            say(f"start {start + 1} of {options.starts}")
            for slots, found in rates.items():
                found.append(measure(slots, options))
    except subprocess.CalledProcessError as failure:
        say(f"stress/study.py slots: {failure.stderr.strip()}")
        return 2
    usual = median(rates[max(rates)])
    lines = [row(["slots", "lock passes/s", "lowest", "highest", "collapsed"]), row(["--:"] * 5)]
    for slots, found in rates.items():
        collapsed = sum(rate < COLLAPSED_SHARE * usual for rate in found)
        figures = [f"{figure:,.0f}" for figure in (median(found), min(found), max(found))]
        lines.append(row([f"{slots:,}", *figures, f"{collapsed} of {len(found)}"]))
    print(f"{options.threads:,} sleeping threads; {machine.cpu_model()}, {machine.cores()} cores", end="\n\n")
    print("\n".join(lines))
    return 0

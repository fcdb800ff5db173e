"""What the kernel's futex hash table costs a program with many sleeping threads, without tseep.

    python stress/study.py slots --slots 2,16,4096

A thousand threads sleep at one lock, and two others hand two further locks to each other. Linux keeps the threads that
sleep in futex(2) in a hash table; since Linux 6.16 each process has its own, whose size prctl(2) sets. A lock that
shares its slot with the thousand is slow, as each wake-up searches all of them. Which locks share a slot is chance at
each start: hence many starts. All threads run on one core, where a hand-over is a context switch and its cost is even.
Prints a Markdown table; exit status 0, or 2 when the kernel has no such table.
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
from studies.versus import row, say

PR_FUTEX_HASH, SET_SLOTS, GET_SLOTS = 78, 1, 2  # include/uapi/linux/prctl.h
FALLEN = 0.5  # of the median with the largest table


def prctl(operation: int, slots: int = 0) -> int:
    """Ask the kernel; -1 where it does not know that."""
    answer: int = ctypes.CDLL(None).prctl(PR_FUTEX_HASH, operation, ctypes.c_ulong(slots), ctypes.c_ulong(0))
    return answer


def child(slots: int, sleepers: int, duration: float) -> None:
    """Print how often two threads handed locks to each other in a second. Run in a process of its own."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if prctl(SET_SLOTS, slots) or prctl(GET_SLOTS) != slots:
        raise SystemExit("the kernel has no table of futex slots for a process: that takes Linux 6.16 or later")
    sys.setswitchinterval(1)  # else the wake-ups of CPython's own lock are measured
    threading.stack_size(256 * 1024)
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
    """Return the rate of one fresh process."""
    code = f"from studies.slots import child; child({slots}, {options.threads}, {options.time})"
    words = [sys.executable, "-c", f"import os, sys; sys.path[0] = {sys.path[0]!r}; {code}; os._exit(0)"]
    return float(subprocess.run(words, capture_output=True, check=True, text=True, timeout=60 + options.time).stdout)


def numbers(text: str) -> list[int]:
    """Read numbers with commas between them."""
    return [positive(one) for one in text.split(",")]


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="stress/study.py slots", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--slots", type=numbers, default="2,16,4096", metavar="N,M", help="powers of two (2,16,4096)")
    add("--threads", type=positive, default=1000, metavar="N", help="that sleep (1000)")
    add("--starts", type=positive, default=20, metavar="N", help="processes for each (20)")
    add("--time", type=seconds, default=0.5, metavar="S", help="of a measurement (0.5)")
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
    lines = [row(["slots", "hand-overs/s", "lowest", "highest", "fallen"]), row(["--:"] * 5)]
    for slots, found in rates.items():
        fallen = sum(rate < FALLEN * usual for rate in found)
        figures = [f"{figure:,.0f}" for figure in (median(found), min(found), max(found))]
        lines.append(row([f"{slots:,}", *figures, f"{fallen} of {len(found)}"]))
    print(f"{options.threads:,} threads asleep; {machine.cpu_model()}, {machine.cores()} cores", end="\n\n")
    print("\n".join(lines))
    return 0

"""Measures a server from outside during the load: every second, and around the measured time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple

from probes import proc
from probes.lag import Lag
from probes.syscalls import Counting, Uncounted
from rig import histogram
from rig.load import SECOND_NS, Second, next_second

MAX_SCANNED_THREADS = 512  # above it the switches are not read every second, as the reading slows the server down
SCAN_NS_PER_THREAD = 40_000  # to read a thread's switches
COUNT_BEGIN_SHARE, COUNT_END_SHARE = 0.2, 0.9  # of the warm-up, between which system calls are counted
MIN_COUNT_NS = SECOND_NS // 4  # below it system calls are not counted
CONNECT, REST, WARMUP, OPERATE, DRAIN = "connect", "rest", "warmup", "operate", "drain"

Row = dict[str, Any]
"""One second of schema.json's series."""


class Snapshot(NamedTuple):
    """The server's processes at one moment, by process id, the number of answers up to then, and the moment (monotonic
    nanoseconds)."""

    done: int
    processes: dict[int, proc.Sample]
    at_ns: int = 0

    def sum(self, name: str) -> int:
        """Return the sum of a field over all processes."""
        return sum(getattr(sample, name) for sample in self.processes.values())

    @property
    def threads(self) -> int:
        """The number of threads of all processes."""
        return sum(len(sample.threads) for sample in self.processes.values())


class Machine(NamedTuple):
    """The times of the cores at the begin and the end of the measured time, and the CPU seconds of this process between
    them."""

    before: proc.Cores
    after: proc.Cores
    rig_seconds: float


class Usage(NamedTuple):
    """Resources used by the server's processes between two snapshots; C{cpu} has the seconds of each, the first process
    first, C{seconds} is the time between them."""

    seconds: float
    answers: int
    cpu: list[float]
    user_seconds: float
    system_seconds: float
    voluntary: int
    involuntary: int


def usage_between(before: Snapshot, after: Snapshot) -> Usage:
    """Return what was used between two snapshots. A process that started between them counts from 0."""
    none = proc.Sample(0.0, 0, {})
    pairs = [(before.processes.get(pid, none), now) for pid, now in after.processes.items()]
    usages = [proc.usage(then, now) for then, now in pairs]
    cpu = [usage.cpu_seconds for usage in usages]
    user = sum(now.user - then.user for then, now in pairs)
    total = user + sum(now.system - then.system for then, now in pairs)
    # The clock gives the amount, the ticks of user and system time only its division.
    user_seconds = sum(cpu) * user / total if total else sum(cpu)
    return Usage(
        seconds=(after.at_ns - before.at_ns) / SECOND_NS,
        answers=after.done - before.done,
        cpu=cpu,
        user_seconds=user_seconds,
        system_seconds=sum(cpu) - user_seconds,
        voluntary=sum(usage.voluntary for usage in usages),
        involuntary=sum(usage.involuntary for usage in usages),
    )


class Observer:
    """
    Measures a server inside C{with}. The caller calls watch() in time.

    @ivar first: the snapshot at the begin of the measured time; None if the server had ended.
    @ivar last: the snapshot at its end.
    @ivar calls_per_answer: system calls; None if they were not counted.
    """

    def __init__(self, pid: int | None, done: Callable[[], int], lag: Lag | None = None) -> None:
        """
        @param pid: the server's process id; None if it is unknown, so that only the load is observed.
        @param done: returns the number of connections or answers so far.
        @param lag: reads the lag of the server's event loop, for a tseep.
        """
        self._pid, self._done, self._lag = pid, done, lag
        self._began_ns = self._next_ns = time.monotonic_ns()
        self._phase = CONNECT
        self._rows: dict[str, list[Row]] = {CONNECT: [], REST: [], OPERATE: []}
        self._cpu = (0.0, 0.0)  # user and system seconds at the last row
        self._switches: int | None = None
        self._last_done, self._row_ns = 0, self._began_ns
        self._edges: tuple[int, ...] = ()  # the begin and the end of the measured time
        self._timers: list[tuple[int, Callable[[], None]]] = []
        self._stack = ExitStack()
        self.first: Snapshot | None = None
        self.last: Snapshot | None = None
        self._machine: list[tuple[proc.Cores, float]] = []  # with this process's CPU seconds
        self.calls_per_answer: float | None = None

    def __enter__(self) -> Observer:
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def snapshot(self) -> Snapshot | None:
        """Return the server's figures with those of all threads; None if it has ended, which the load's faults
        report."""
        done = self._done()
        found = proc.of_each(proc.tree(self._pid), proc.sample) if self._pid else {}
        return Snapshot(done, found, time.monotonic_ns()) if self._pid in found else None

    def has_ended(self, patience: float) -> bool:
        """Return whether the server ends within C{patience} seconds; False where its process is unknown."""
        deadline = time.monotonic() + patience
        while self._pid is not None and proc.is_running(self._pid):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return self._pid is not None

    @property
    def machine(self) -> Machine:
        """The times of the machine; call it after ended()."""
        (before, then), (after, now) = self._machine
        return Machine(before, after, now - then)

    def _read_machine(self) -> tuple[proc.Cores, float]:
        return proc.cores(), time.process_time()

    # Timers

    def begin(self) -> None:
        """Start the connect phase and its rows now."""
        self._began_ns = time.monotonic_ns()
        self.phase(CONNECT, self._began_ns)

    def phase(self, name: str, at_ns: int) -> None:
        """Start a phase at a monotonic time; its rows follow every second from then."""
        self._phase, self._next_ns = name, next_second(at_ns, self._edges)
        self._last_done = self._done()
        self._row(at_ns)

    def measure(self, start_ns: int, warmup: float, duration: float | None, idle: Snapshot | None) -> None:
        """Set the timers of the operate phase before it; C{idle} is the last snapshot before it. Without a duration the
        caller ends the measured time with ended()."""
        begin = start_ns + int(warmup * SECOND_NS)
        lead = min(idle.threads * SCAN_NS_PER_THREAD if idle else 0, begin - start_ns)
        self.first = idle and idle._replace(at_ns=start_ns)
        self._machine = [self._read_machine()]
        self._edges = (begin,)
        self._timers = [(begin - lead, self._take_first)] if warmup else []
        if duration is not None:
            self._edges = (begin, begin + int(duration * SECOND_NS))
            self._timers.append((self._edges[1], self.ended))
        if self._pid and warmup >= 1:
            length = warmup * SECOND_NS
            self._timers.append((start_ns + int(length * COUNT_BEGIN_SHARE), self._begin_counting))
        self._timers.sort(key=lambda timer: timer[0])
        self._count_to_ns = start_ns + int(warmup * SECOND_NS * COUNT_END_SHARE) - lead

    def ended(self) -> None:
        """Read the last snapshot after the measured time; a second call does nothing."""
        if len(self._machine) < 2:
            self._machine.append(self._read_machine())
            self.last = self.snapshot()

    def _take_first(self) -> None:
        self._machine = [self._read_machine()]
        self.first = self.snapshot()

    def _begin_counting(self) -> None:
        assert self._pid is not None
        try:
            counting = self._stack.enter_context(Counting(proc.tree(self._pid)))
            counting.begin((self._count_to_ns - MIN_COUNT_NS - time.monotonic_ns()) / 1e9)
        except Uncounted:
            self._stack.close()
            return
        before, end = self._done(), self._count_to_ns

        def finish() -> None:
            try:
                answers = self._done() - before
                number = counting.end()
                self.calls_per_answer = number / answers if answers > 0 else None
            except Uncounted:
                pass
            self._stack.close()

        self._timers.insert(0, (end, finish))

    def watch(self) -> float:
        """Run the timers that are due; return the seconds until the next one."""
        if self._lag:
            self._lag.receive()
        now = time.monotonic_ns()
        while self._timers and self._timers[0][0] <= now:
            self._timers.pop(0)[1]()
        if self._next_ns <= now:
            self._rows[self._phase].append(self._row(self._next_ns))
            self._next_ns = next_second(self._next_ns, self._edges)
        next_ns = min([self._next_ns, *(due for due, _ in self._timers)])
        return max(0.0, (next_ns - time.monotonic_ns()) / 1e9)

    # The series

    def _row(self, at_ns: int) -> Row:
        done = self._done()
        seconds = max(1, at_ns - self._row_ns) / SECOND_NS
        own = {"phase": self._phase, "done": done - self._last_done}
        row = {"at_seconds": (at_ns - self._began_ns) / SECOND_NS, "seconds": seconds, **own}
        self._last_done, self._row_ns = done, at_ns
        if self._pid:
            row.update(self._server(seconds))
        if self._lag:
            self._lag.request(row)
        return row

    def _server(self, seconds: float) -> Row:
        """Return the server's figures of the last row, of that length; none if it has ended."""
        found = proc.of_each(proc.tree(self._pid or 0), proc.second_sample)
        if self._pid not in found:
            return {}
        resident, threads, files, *cpu = [sum(each) for each in zip(*found.values())]
        user, system = [(now - then) / seconds for now, then in zip(cpu, self._cpu)]
        self._cpu = cpu[0], cpu[1]
        row = {"resident": resident, "threads": threads, "open_files": files}
        return {**row, "user_share": user, "system_share": system, **self._switched(list(found), threads)}

    def _switched(self, members: list[int], threads: float) -> Row:
        before, self._switches = self._switches, None
        if threads > MAX_SCANNED_THREADS:
            return {}
        counts = proc.of_each(members, proc.thread_switches)
        self._switches = sum(sum(s) for each in counts.values() for s in each.values())
        return {} if before is None else {"switches": max(0, self._switches - before)}

    def series(self, answers: list[Second], start_ns: int, warmup: float, duration: float | None) -> list[Row]:
        """Return the rows of all phases; those of the operate phase with the load's answers and latencies. Answers
        after the duration form the drain. Without a duration there is none."""
        begin = int(warmup * SECOND_NS)
        edges = (begin,) if duration is None else (begin, begin + int(duration * SECOND_NS))
        rows = self._rows[CONNECT] + self._rows[REST]
        at, end = 0, 0
        for number, second in enumerate(answers):
            observed = self._rows[OPERATE][number] if number < len(self._rows[OPERATE]) else {}
            at, end = end, next_second(end, edges)
            p50, p99 = histogram.quick([second.latencies])
            phase = WARMUP if end <= begin else OPERATE if end <= max(edges) or duration is None else DRAIN
            place = {"at_seconds": (start_ns - self._began_ns + end) / SECOND_NS, "seconds": (end - at) / SECOND_NS}
            own = {**place, "phase": phase, "done": second.answers}
            rows.append({**observed, **own, "p50_us": p50, "p99_us": p99})
        return rows

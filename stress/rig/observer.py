"""The server seen from outside, while the load is on it: each second, and where measuring begins and ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from math import inf
from typing import Any, NamedTuple

from probes import proc
from probes.lag import Lag
from probes.syscalls import Counting, Uncounted
from rig import histogram
from rig.load import Second

SECOND = 10**9
FEW = 512  # threads; the switches of more are not looked at each second, as that takes the server's time
SCAN_NS = 40_000  # for a thread's switches
COUNTED_FROM, COUNTED_TO = 0.2, 0.9  # of the warm-up: then system calls are counted
LEAST_NS = SECOND // 4  # that is counted, or nothing is
CONNECT, REST, WARMUP, OPERATE, DRAIN = "connect", "rest", "warmup", "operate", "drain"

Row = dict[str, Any]


class Look(NamedTuple):
    """The server's processes at one moment, by process id, and the answers that there had been."""

    done: int
    processes: dict[int, proc.Sample]

    def sum(self, name: str) -> int:
        """Add up a field of all processes."""
        return sum(getattr(sample, name) for sample in self.processes.values())

    @property
    def threads(self) -> int:
        """The number of all threads."""
        return sum(len(sample.threads) for sample in self.processes.values())


class Used(NamedTuple):
    """What the server's processes used between two looks; `cpu` of each process, the first one first."""

    answers: int
    cpu: list[float]
    user_seconds: float
    system_seconds: float
    voluntary: int
    involuntary: int


def used(before: Look, after: Look) -> Used:
    """Return what was used between two looks. A process that was born between them counts from nought."""
    none = proc.Sample(0.0, 0, {})
    pairs = [(before.processes.get(pid, none), now) for pid, now in after.processes.items()]
    uses = [proc.use(then, now) for then, now in pairs]
    cpu = [use.cpu_seconds for use in uses]
    user = sum(now.user - then.user for then, now in pairs)
    ticks = user + sum(now.system - then.system for then, now in pairs)
    # The kernel's ticks tell how the time was divided, its clock how much it was.
    user_seconds = sum(cpu) * user / ticks if ticks else sum(cpu)
    return Used(
        answers=after.done - before.done,
        cpu=cpu,
        user_seconds=user_seconds,
        system_seconds=sum(cpu) - user_seconds,
        voluntary=sum(use.voluntary for use in uses),
        involuntary=sum(use.involuntary for use in uses),
    )


class Observer:
    """Looks at a server, given by its process id; None: it can't be looked at. `done` tells how far the load is,
    `lag` how late the server's loop is, where it can be asked.

    Inside `with`; watch() has to be called all the time.
    """

    def __init__(self, pid: int | None, done: Callable[[], int], lag: Lag | None = None) -> None:
        self._pid, self._done, self._lag = pid, done, lag
        self._began_ns = self._next_ns = time.monotonic_ns()
        self._phase = CONNECT
        self._rows: dict[str, list[Row]] = {CONNECT: [], REST: [], OPERATE: []}
        self._ticks = (0, 0)
        self._switches: int | None = None
        self._last_done = 0
        self._dates: list[tuple[int, Callable[[], None]]] = []
        self._stack = ExitStack()
        self.first: Look | None = None  # where measuring begins
        self.last: Look | None = None  # and ends
        self.cores: list[proc.Cores] = []  # at the same times
        self.calls_per_answer: float | None = None

    def __enter__(self) -> Observer:
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def look(self) -> Look | None:
        """Look at the server with all its threads; None if it is gone, which the load's faults tell."""
        done = self._done()
        found = proc.of_each(proc.tree(self._pid), proc.sample) if self._pid else {}
        return Look(done, found) if self._pid in found else None

    # What is done at a time

    def begin(self) -> None:
        """Begin with the connecting, at once."""
        self._began_ns = time.monotonic_ns()
        self.phase(CONNECT, self._began_ns)

    def phase(self, name: str, at_ns: int) -> None:
        """Begin a phase, with looks each second from its begin on."""
        self._phase, self._next_ns = name, at_ns + SECOND
        self._last_done = self._done()
        self._row(at_ns)

    def measure(self, start_ns: int, warmup: float, duration: float | None, idle: Look | None) -> None:
        """Make the dates of a run, given the last look before it. Without a duration the end is told by ended()."""
        begin = start_ns + int(warmup * SECOND)
        lead = min(idle.threads * SCAN_NS if idle else 0, begin - start_ns)
        self.first, self.cores = idle, [proc.cores_now()]
        self._dates = [(begin - lead, self._look_first)] if warmup else []
        if duration is not None:
            self._dates.append((begin + int(duration * SECOND), self.ended))
        if self._pid and warmup >= 1:
            length = warmup * SECOND
            self._dates.append((start_ns + int(length * COUNTED_FROM), self._begin_counting))
        self._dates.sort(key=lambda date: date[0])
        self._count_to_ns = start_ns + int(warmup * SECOND * COUNTED_TO) - lead

    def ended(self) -> None:
        """The measured time is over."""
        if len(self.cores) < 2:
            self.cores.append(proc.cores_now())
            self.last = self.look()

    def _look_first(self) -> None:
        self.cores = [proc.cores_now()]
        self.first = self.look()

    def _begin_counting(self) -> None:
        assert self._pid is not None
        try:
            counting = self._stack.enter_context(Counting(proc.tree(self._pid)))
            counting.begin((self._count_to_ns - LEAST_NS - time.monotonic_ns()) / 1e9)
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

        self._dates.insert(0, (end, finish))

    def watch(self) -> float:
        """Do what is due; return in how many seconds the next is."""
        if self._lag:
            self._lag.hear()
        now = time.monotonic_ns()
        while self._dates and self._dates[0][0] <= now:
            self._dates.pop(0)[1]()
        if self._next_ns <= now:
            self._rows[self._phase].append(self._row(self._next_ns))
            self._next_ns += SECOND
        soonest = min([self._next_ns, *(date for date, _ in self._dates)])
        return max(0.0, (soonest - time.monotonic_ns()) / 1e9)

    # The seconds

    def _row(self, at_ns: int) -> Row:
        done = self._done()
        row = {"at_seconds": (at_ns - self._began_ns) / 1e9, "phase": self._phase, "done": done - self._last_done}
        self._last_done = done
        if self._pid:
            row.update(self._server())
        if self._lag:
            self._lag.ask(row)
        return row

    def _server(self) -> Row:
        """Return the server's figures of the last second; none if it is gone."""
        found = proc.of_each(proc.tree(self._pid or 0), _figures)
        if self._pid not in found:
            return {}
        resident, threads, files, *ticks = [sum(each) for each in zip(*found.values())]
        user, system = [(now - then) / proc.TICKS for now, then in zip(ticks, self._ticks)]
        self._ticks = ticks[0], ticks[1]
        row = {"resident": resident, "threads": threads, "open_files": files}
        return {**row, "user_share": user, "system_share": system, **self._switched(list(found), threads)}

    def _switched(self, members: list[int], threads: int) -> Row:
        before, self._switches = self._switches, None
        if threads > FEW:
            return {}
        counts = proc.of_each(members, proc.threads)
        self._switches = sum(sum(s) for each in counts.values() for s in each.values())
        return {} if before is None else {"switches": max(0, self._switches - before)}

    def series(self, answers: list[Second], start_ns: int, warmup: float, duration: float | None) -> list[Row]:
        """Return all seconds, those since the release with what the load says of them; what came after the duration
        is the drain, which is no whole second."""
        end = inf if duration is None else warmup + duration
        rows = self._rows[CONNECT] + self._rows[REST]
        at = (start_ns - self._began_ns) / 1e9
        for number, second in enumerate(answers):
            looked = self._rows[OPERATE][number] if number < len(self._rows[OPERATE]) else {}
            p50, p99 = histogram.quick([second.latencies])
            phase = WARMUP if number + 1 <= warmup else OPERATE if number < end else DRAIN
            mine = {"at_seconds": at + number + 1, "phase": phase, "done": second.answers}
            rows.append({**looked, **mine, "p50_us": p50, "p99_us": p99})
        return rows


def _figures(pid: int) -> tuple[int, ...]:
    """Return a process's resident bytes, threads and open files, and its ticks in user and in kernel mode."""
    status = proc.fields_of(proc.status(pid))
    resident = int(status["VmRSS"].split()[0]) * proc.KIB
    return resident, int(status["Threads"]), proc.open_files(pid), *proc.ticks(pid)

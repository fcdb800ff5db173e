"""The load's processes as their parent runs them: start, phases, sums of the results."""

from __future__ import annotations

import mmap
import multiprocessing
import os
from collections.abc import Callable
from itertools import zip_longest
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, NamedTuple

from rig import histogram
from rig.faults import Faults
from rig.histogram import Latency
from rig.load import Connected, Load, Operated, Plan, Second
from rig.options import leave_signals_to_parent

if TYPE_CHECKING:
    from typing_extensions import Self

# fork: starts fast, and is safe while this process has no other thread.
_context = multiprocessing.get_context("fork")
START_LEAD_NS = 50_000_000  # from the order to start until the start, so that every process has it in time
COUNTER_BYTES = 8  # of one process's counter in the shared memory
POLL_INTERVAL_S = 0.1  # the longest time between two calls of a watch function

Watch = Callable[[int], float]
"""Called regularly with the sum of the counters; returns the seconds until it must be called again."""


class LoadDied(Exception):
    """A load process ended before its work was done."""


class Connecting(NamedTuple):
    """The duration of the connect phase, and the latency of a connection."""

    seconds: float
    latency: Latency


class Operating(NamedTuple):
    """
    The operate phase; see L{Operated<rig.load.Operated>}.

    @ivar seconds: the measured time.
    @ivar connects: latencies of connections, where the workload makes one for each request.
    @ivar cpu_seconds: of each load process.
    @ivar shares: of a core that each load process used.
    """

    seconds: float
    answered: int
    asked: int
    response: Latency
    service: Latency
    connects: Latency
    series: list[Second]
    cpu_seconds: list[float]
    shares: list[float]


def split(plan: Plan, processes: int) -> list[Plan]:
    """Distribute the clients, given by their source addresses, evenly over processes."""
    edges = [len(plan.sources) * n // processes for n in range(processes + 1)]
    return [plan._replace(sources=plan.sources[begin:end], first=begin) for begin, end in zip(edges, edges[1:])]


class LoadProcesses:
    """The load processes of one run, started inside C{with} and terminated at its end. Call ready(), connect(),
    operate() and close() in this order."""

    def __init__(self, plans: list[Plan]) -> None:
        self._plans = plans
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        self._shared = mmap.mmap(-1, COUNTER_BYTES * len(plans))
        self._counters = memoryview(self._shared).cast("q")

    def __enter__(self) -> Self:
        for index, plan in enumerate(self._plans):
            ours, theirs = _context.Pipe()
            process = _context.Process(target=_run, args=(theirs, plan, self._counters, index), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        return self

    def __exit__(self, *failure: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()
        self._counters.release()
        self._shared.close()

    def done(self) -> int:
        """Return how many connections were made, or, from operate() on, how many answers came."""
        return sum(self._counters)

    def ready(self) -> None:
        """Wait until every process has generated its requests."""
        self._gather(lambda count: POLL_INTERVAL_S)

    def connect(self, watch: Watch) -> Connecting:
        """Connect all clients, and return the results when they are connected."""
        for pipe in self._pipes:
            pipe.send(None)
        results: list[Connected] = self._gather(watch)
        for index in range(len(self._pipes)):
            self._counters[index] = 0
        return Connecting(_seconds(results), histogram.merged(r.latencies for r in results))

    def operate(self, start_ns: int, watch: Watch) -> Operating:
        """Start all clients at one moment (monotonic ns), and return the results when they are done."""
        for pipe in self._pipes:
            pipe.send(start_ns)
        results: list[Operated] = self._gather(watch)
        return Operating(
            seconds=_seconds(results),
            answered=sum(r.answered for r in results),
            asked=sum(r.asked for r in results),
            response=histogram.merged(r.responses for r in results),
            service=histogram.merged(r.services for r in results),
            connects=histogram.merged(r.connects for r in results),
            series=_series(results),
            cpu_seconds=[r.cpu_seconds for r in results],
            shares=[r.share for r in results],
        )

    def close(self) -> Faults:
        """Disconnect all clients and return the faults of all phases."""
        for pipe in self._pipes:
            pipe.send(None)
        total = Faults()
        for faults in self._gather(lambda count: POLL_INTERVAL_S):
            total.merge(faults)
        return total

    def _gather(self, watch: Watch) -> list[Any]:
        """Return the next result of each process; call C{watch} while they work."""
        results: dict[Connection, Any] = {}
        while len(results) < len(self._pipes):
            timeout = min(POLL_INTERVAL_S, watch(self.done()))
            for pipe in wait([pipe for pipe in self._pipes if pipe not in results], max(0.0, timeout)):
                results[pipe] = _receive(pipe)  # type: ignore[index,arg-type]
        watch(self.done())
        return [results[pipe] for pipe in self._pipes]


def _series(results: list[Operated]) -> list[Second]:
    """Return the sum of all processes for each second."""
    rows = zip_longest(*(r.seconds for r in results), fillvalue=Second(0, b""))
    return [Second(sum(s.answers for s in row), _added(row)) for row in rows]


def _added(row: tuple[Second, ...]) -> bytes:
    encoded: bytes = histogram.added(s.latencies for s in row if s.latencies).encode()
    return encoded


def _receive(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except (EOFError, ConnectionResetError):
        raise LoadDied("a load process ended early; its traceback is above") from None


def _seconds(results: list[Connected] | list[Operated]) -> float:
    began, ended = min(r.began_ns for r in results), max(r.ended_ns for r in results)
    return (ended - began) / 1e9


def _run(pipe: Connection, plan: Plan, counters: memoryview, index: int) -> None:
    """The main function of a load process. It waits for a message of the parent before each phase."""
    leave_signals_to_parent()
    parent = os.getppid()
    load = Load(plan, counters, index)
    pipe.send(None)
    _await(pipe, parent)
    pipe.send(load.connect())
    pipe.send(load.operate(_await(pipe, parent)))
    _await(pipe, parent)
    pipe.send(load.close())


def _await(pipe: Connection, parent: int) -> Any:
    while not pipe.poll(1):
        if os.getppid() != parent:
            raise SystemExit("the stress run has ended")
    return pipe.recv()

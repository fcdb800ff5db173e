"""The load's processes, seen from the parent: started, led through their phases, added up."""

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

# A plain copy of this process: fast to start, and made while there is no other thread.
_context = multiprocessing.get_context("fork")
AHEAD_NS = 50_000_000  # the release is set so far ahead that every process can be there in time
WORD = 8  # bytes of a number on the board
LOOK_SECONDS = 0.1  # between looks at how far the load is, at most

Watch = Callable[[int], float]
"""Called with how far the load is, now and then; returns in how many seconds again at most."""


class LoadDied(Exception):
    """A load process ended before its work was done."""


class Connecting(NamedTuple):
    """All clients connected: the seconds it took, how many a second, and a connection's latency."""

    seconds: float
    latency: Latency


class Operating(NamedTuple):
    """All operations done; see load.Operated. `connects` is None where they were not the workload;
    `seconds` are those from the release on; of each load process its CPU seconds and its share of a core."""

    seconds: float
    answered: int
    asked: int
    response: Latency
    service: Latency
    connects: Latency
    series: list[Second]
    cpu_seconds: list[float]
    shares: list[float]


def spread(plan: Plan, processes: int) -> list[Plan]:
    """Share clients, given by their source addresses, among processes as evenly as can be."""
    edges = [len(plan.sources) * n // processes for n in range(processes + 1)]
    return [plan._replace(sources=plan.sources[begin:end], first=begin) for begin, end in zip(edges, edges[1:])]


class Crew:
    """The load processes of one run: connect(), operate(), close(), in this order, inside
    `with`, which leaves no process behind."""

    def __init__(self, plans: list[Plan]) -> None:
        self._plans = plans
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        self._shared = mmap.mmap(-1, WORD * len(plans))
        self._board = memoryview(self._shared).cast("q")

    def __enter__(self) -> Self:
        for place, plan in enumerate(self._plans):
            ours, theirs = _context.Pipe()
            process = _context.Process(target=_work, args=(theirs, plan, self._board, place), daemon=True)
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
        self._board.release()
        self._shared.close()

    def done(self) -> int:
        """Return how many connections there are, or, from the release on, how many answers there were."""
        return sum(self._board)

    def ready(self) -> None:
        """Wait until every process has its requests."""
        self._gather(lambda count: LOOK_SECONDS)

    def connect(self, watch: Watch) -> Connecting:
        """Connect all clients."""
        for pipe in self._pipes:
            pipe.send(None)
        results: list[Connected] = self._gather(watch)
        for place in range(len(self._pipes)):
            self._board[place] = 0
        return Connecting(_seconds(results), histogram.merged(r.latencies for r in results))

    def operate(self, start_ns: int, watch: Watch) -> Operating:
        """Release all clients at one moment (monotonic ns)."""
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
        """Disconnect all clients and return what went wrong, in connecting and operating too."""
        for pipe in self._pipes:
            pipe.send(None)
        total = Faults()
        for faults in self._gather(lambda count: LOOK_SECONDS):
            total.merge(faults)
        return total

    def _gather(self, watch: Watch) -> list[Any]:
        """Return the next result of each process, watching the load meanwhile."""
        results: dict[Connection, Any] = {}
        while len(results) < len(self._pipes):
            patience = min(LOOK_SECONDS, watch(self.done()))
            for pipe in wait([pipe for pipe in self._pipes if pipe not in results], max(0.0, patience)):
                results[pipe] = _receive(pipe)  # type: ignore[index,arg-type]
        watch(self.done())
        return [results[pipe] for pipe in self._pipes]


def _series(results: list[Operated]) -> list[Second]:
    """Add up the seconds of all processes."""
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


def _work(pipe: Connection, plan: Plan, board: memoryview, place: int) -> None:
    """A load process, from its start to its end; it waits for a word before each phase."""
    leave_signals_to_parent()
    parent = os.getppid()
    load = Load(plan, board, place)
    pipe.send(None)
    _await(pipe, parent)
    pipe.send(load.connect())
    pipe.send(load.operate(_await(pipe, parent)))
    _await(pipe, parent)
    pipe.send(load.close())


def _await(pipe: Connection, parent: int) -> Any:
    while not pipe.poll(1):
        if os.getppid() != parent:
            raise SystemExit("the stress run is gone")
    return pipe.recv()

"""The load's processes, seen from the parent: started, led through their phases, added up."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, NamedTuple

import histogram
from faults import Faults
from load import Connected, Load, Operated, Plan
from options import leave_signals_to_parent

if TYPE_CHECKING:
    from typing_extensions import Self

# A plain copy of this process: fast to start, and made while there is no other thread.
_context = multiprocessing.get_context("fork")
AHEAD_NS = 50_000_000  # the release is set so far ahead that every process can be there in time

Report = Callable[[int], None]


class LoadDied(Exception):
    """A load process ended before its work was done."""


class Connecting(NamedTuple):
    """All clients connected: the seconds it took, and a connection's latency."""

    seconds: float
    latency: histogram.Latency


class Operating(NamedTuple):
    """All operations done: the seconds from first send to last answer, an operation's latency,
    and of each load process its CPU seconds and its share of a core."""

    seconds: float
    latency: histogram.Latency
    cpu_seconds: list[float]
    shares: list[float]


def spread(
    address: tuple[str, int],
    sources: list[str],
    processes: int,
    turns: int,
    timeout: float,
    seed: int,
) -> list[Plan]:
    """Share clients, given by their source addresses, among processes as evenly as can be."""
    edges = [len(sources) * n // processes for n in range(processes + 1)]
    return [Plan(address, sources[begin:end], begin, turns, timeout, seed) for begin, end in zip(edges, edges[1:])]


class Crew:
    """The load processes of one run: connect(), operate(), close(), in this order, inside
    `with`, which leaves no process behind."""

    def __init__(self, plans: list[Plan]) -> None:
        self._plans = plans
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []

    def __enter__(self) -> Self:
        for plan in self._plans:
            ours, theirs = _context.Pipe()
            process = _context.Process(target=_work, args=(theirs, plan), daemon=True)
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

    def connect(self, report: Report) -> Connecting:
        """Connect all clients; `report` hears how many are through."""
        for pipe in self._pipes:
            pipe.send(None)
        results: list[Connected] = self._gather(report)
        return Connecting(_seconds(results), histogram.merged(r.latencies for r in results))

    def operate(self, report: Report) -> Operating:
        """Release all clients at one moment; `report` hears how many answers came."""
        start = time.monotonic_ns() + AHEAD_NS
        for pipe in self._pipes:
            pipe.send(start)
        results: list[Operated] = self._gather(report)
        latency = histogram.merged(r.latencies for r in results)
        cpu, shares = [r.cpu_seconds for r in results], [r.share for r in results]
        return Operating(_seconds(results), latency, cpu, shares)

    def close(self) -> Faults:
        """Disconnect all clients and return what went wrong, in connecting and operating too."""
        for pipe in self._pipes:
            pipe.send(None)
        total = Faults()
        for faults in self._gather(lambda count: None):
            total.merge(faults)
        return total

    def _gather(self, report: Report) -> list[Any]:
        """Return the next result of each process, passing on the progress told before it."""
        counts = dict.fromkeys(self._pipes, 0)
        results: dict[Connection, Any] = {}
        while len(results) < len(self._pipes):
            for pipe in wait([pipe for pipe in self._pipes if pipe not in results]):
                message = _receive(pipe)  # type: ignore[arg-type]
                if isinstance(message, int):
                    counts[pipe] = message  # type: ignore[index]
                    report(sum(counts.values()))
                else:
                    results[pipe] = message  # type: ignore[index]
        return list(results.values())


def _receive(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except (EOFError, ConnectionResetError):
        raise LoadDied("a load process ended early; its traceback is above") from None


def _seconds(results: list[Connected] | list[Operated]) -> float:
    began, ended = min(r.began_ns for r in results), max(r.ended_ns for r in results)
    return (ended - began) / 1e9


def _work(pipe: Connection, plan: Plan) -> None:
    """A load process, from its start to its end; it waits for a word before each phase."""
    leave_signals_to_parent()
    parent = os.getppid()

    def report(count: int) -> None:
        if os.getppid() != parent:
            raise SystemExit("the stress run is gone")
        pipe.send(count)

    load = Load(plan)
    _await(pipe, parent)
    pipe.send(load.connect(report))
    pipe.send(load.operate(_await(pipe, parent), report))
    _await(pipe, parent)
    pipe.send(load.close())


def _await(pipe: Connection, parent: int) -> Any:
    while not pipe.poll(1):
        if os.getppid() != parent:
            raise SystemExit("the stress run is gone")
    return pipe.recv()

"""The values that the live page plots, for each of the last seconds."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, NamedTuple

from tseep.registry.table import iter_commands
from tseep.system.process import resident_memory
from tseep.telemetry.histogram import added, estimate
from tseep.telemetry.rates import Rates

if TYPE_CHECKING:
    from tseep.server.server import Server

LENGTH = 300
"""Number of samples to keep: seconds."""


class Sample(NamedTuple):
    """
    The values of one second.

    @ivar time: its end, in Unix seconds.
    @ivar commands: commands per second. C{received}, C{sent}: bytes per second; C{hits}, C{misses}: lookups of existing
        and missing keys per second.
    @ivar cpu: CPU time in per cent of one core.
    @ivar p50: the median duration of commands in microseconds; C{p99}, C{p999}: the 99th and 99.9th percentiles. 0
        without commands.
    @ivar clients: connected clients, C{blocked}: those blocked in a command.
    @ivar memory: resident memory in bytes.
    @ivar keys: the number of keys in all databases.
    @ivar lag: the highest lag of the event loop, in milliseconds.
    @ivar workers_cpu: as C{cpu}, of all v3 workers together; C{workers_memory}: their resident memory;
        C{workers_lag}: the highest of their lags. 0 in other modes, as C{cpu}, C{memory} and C{lag} are of the process
        that has the data.
    """

    time: float
    commands: float
    received: float
    sent: float
    hits: float
    misses: float
    cpu: float
    p50: float
    p99: float
    p999: float
    clients: int
    blocked: int
    memory: int
    keys: int
    lag: float
    workers_cpu: float
    workers_memory: int
    workers_lag: float


class WorkerSample(NamedTuple):
    """
    The present values of one v3 worker (L{IWorker <tseep.interfaces.IWorker>}).

    @ivar cpu: CPU time in per cent of one core.
    @ivar received: bytes per second from the worker, C{sent}: to the worker.
    @ivar lag: the highest lag of its event loop, in milliseconds.
    """

    number: int
    pid: int
    restarts: int
    clients: int
    memory: int
    cpu: float
    received: float
    sent: float
    lag: float


class Samples:
    """
    The samples of a server.

    @ivar kept: the last L{LENGTH} samples, the oldest first.
    @ivar workers: the last sample of each worker; empty in modes without workers.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._rates = Rates(6)
        self._buckets = self._all_calls()
        self.kept: deque[Sample] = deque(maxlen=LENGTH)
        self.workers: list[WorkerSample] = []
        self._worker_rates: dict[int, Rates] = defaultdict(lambda: Rates(3))

    def take(self) -> None:
        """Add a sample. Call it once a second."""
        server = self._server
        stats, keyspace = server.stats, server.keyspace
        network, lookups = (stats.input_bytes, stats.output_bytes), (keyspace.hits, keyspace.misses)
        now = server.monotonic()
        self._rates.sample(now, server.table.calls, *network, *lookups, _cpu_time())
        commands, received, sent, hits, misses, cpu = [max(0.0, rate) for rate in self._rates.per_second]
        self.workers = [self._sample_worker(now, worker) for worker in server.workers]
        calls = self._new_calls()
        p50, p99, p999 = [estimate(calls, percentile) / 1000 for percentile in (50, 99, 99.9)]
        self.kept.append(
            Sample(
                time=server.clock(),
                commands=commands,
                received=received,
                sent=sent,
                hits=hits,
                misses=misses,
                cpu=cpu / 10_000,
                p50=p50,
                p99=p99,
                p999=p999,
                clients=len(server.sessions),
                blocked=sum([session.blocked is not None for session in server.sessions.values()]),
                memory=resident_memory(),
                keys=sum(map(len, keyspace.databases)),
                lag=server.lag.worst / 1e6,
                workers_cpu=sum([worker.cpu for worker in self.workers]),
                workers_memory=sum([worker.memory for worker in self.workers]),
                workers_lag=max([worker.lag for worker in self.workers], default=0.0),
            )
        )

    def _sample_worker(self, now: float, worker: Any) -> WorkerSample:
        rates = self._worker_rates[worker.number]
        rates.sample(now, int(worker.cpu_seconds * 1_000_000), worker.received, worker.sent)
        cpu, received, sent = [max(0.0, rate) for rate in rates.per_second]  # a new process starts at 0
        return WorkerSample(
            number=worker.number,
            pid=worker.pid,
            restarts=worker.restarts,
            clients=worker.clients,
            memory=worker.resident,
            cpu=cpu / 10_000,
            received=received,
            sent=sent,
            lag=worker.lag_ns / 1e6,
        )

    def since(self, when: float) -> list[Sample]:
        """Return the samples after the one of a Unix time; if no sample has that time, those with a later time."""
        kept = list(self.kept)
        for place in range(len(kept) - 1, -1, -1):
            if kept[place].time == when:  # those after it may have earlier times, if the wall clock was set back
                return kept[place + 1 :]
        return [sample for sample in kept if sample.time > when]

    def _new_calls(self) -> list[int]:
        """Return the histogram of the calls since the previous sample."""
        before, self._buckets = self._buckets, self._all_calls()
        if sum(before) > sum(self._buckets):  # CONFIG RESETSTAT in between
            return self._buckets
        return [after - earlier for earlier, after in zip(before, self._buckets)]

    def _all_calls(self) -> list[int]:
        return added([command.calls.buckets for command in iter_commands(self._server.table.commands)])


def _cpu_time() -> int:
    """Return the CPU time of the process, in microseconds."""
    times = os.times()
    return int((times.user + times.system) * 1_000_000)

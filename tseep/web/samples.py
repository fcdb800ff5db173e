"""What the live page draws: a few figures for each of the last seconds."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from tseep.registry.table import iter_commands
from tseep.system.process import resident_memory
from tseep.telemetry.histogram import added, estimate
from tseep.telemetry.rates import Rates

if TYPE_CHECKING:
    from tseep.server.server import Server

LENGTH = 300
"""Seconds that are kept."""


class Sample(NamedTuple):
    """
    One second.

    @ivar time: its end, in Unix seconds.
    @ivar commands: per second, as C{received} and C{sent}, which are bytes, and C{hits} and C{misses}, which are looks
        at keys that were there and not there.
    @ivar cpu: per cent of a core.
    @ivar p50: microseconds within which half of the calls ran, C{p99} and C{p999}: 99 and 99.9 per cent of them; 0 if
        there were none.
    @ivar clients: how many are connected; C{blocked}: how many of them wait.
    @ivar memory: bytes that are resident.
    @ivar keys: in all databases.
    @ivar lag: milliseconds that the event loop was late at worst.
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


class Samples:
    """
    The last seconds of a server.

    @ivar kept: at most L{LENGTH}, the oldest first.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._rates = Rates(6)
        self._buckets = self._all_calls()
        self.kept: deque[Sample] = deque(maxlen=LENGTH)

    def take(self) -> None:
        """Take a sample. To be called each second."""
        server = self._server
        stats, keyspace = server.stats, server.keyspace
        network, looks = (stats.input_bytes, stats.output_bytes), (keyspace.hits, keyspace.misses)
        self._rates.sample(server.monotonic(), server.table.calls, *network, *looks, _cpu_time())
        commands, received, sent, hits, misses, cpu = [max(0.0, rate) for rate in self._rates.per_second]
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
            )
        )

    def since(self, when: float) -> list[Sample]:
        """The samples after the one of a time, in Unix seconds; those of later times, if it is not known."""
        kept = list(self.kept)
        for place in range(len(kept) - 1, -1, -1):
            if kept[place].time == when:  # those after it may have earlier times, if the wall clock was set back
                return kept[place + 1 :]
        return [sample for sample in kept if sample.time > when]

    def _new_calls(self) -> list[int]:
        """The histogram of all calls since this was asked the last time."""
        before, self._buckets = self._buckets, self._all_calls()
        if sum(before) > sum(self._buckets):  # CONFIG RESETSTAT came between
            return self._buckets
        return [after - earlier for earlier, after in zip(before, self._buckets)]

    def _all_calls(self) -> list[int]:
        return added([command.calls.buckets for command in iter_commands(self._server.table.commands)])


def _cpu_time() -> int:
    """Microseconds that all threads of the process have run."""
    times = os.times()
    return int((times.user + times.system) * 1_000_000)

"""C{/metrics}: names and units follow Prometheus's guide (https://prometheus.io/docs/practices/naming/)."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.twisted import MetricsResource
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.web.resource import Resource

from tseep import __version__
from tseep.registry.table import Command, iter_commands
from tseep.web.query import ask

if TYPE_CHECKING:
    from tseep.interfaces import IMode
    from tseep.server.server import Server
    from tseep.telemetry.histogram import Histogram

FINEST, COARSEST = 10, 34
"""Exported buckets of durations end at 2 to these powers, in nanoseconds: from 1 us to 17 s."""

Points = list[tuple[str, float]]


class Metrics(Resource):
    isLeaf = True

    def __init__(self, mode: IMode) -> None:
        super().__init__()
        self._mode = mode
        self._process = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._process)

    def render(self, request: Any) -> Any:
        """
        Answer with all metrics.

        prometheus_client writes them in a thread of the reactor's pool, where the server must not be accessed. They are
        therefore collected here first.
        """
        server = self._mode.server
        gathered = ask(self._mode, lambda: list(families(server)))
        registry = CollectorRegistry()
        registry.register(_Gathered([*gathered, *self._process.collect()]))
        _give_addresses(request)
        return MetricsResource(registry).render(request)


def _give_addresses(request: Any) -> None:
    """Give a request on a Unix socket a host and port, which WSGI requires."""
    if isinstance(request.getHost(), UNIXAddress):
        here = IPv4Address("TCP", "127.0.0.1", 0)
        request.getHost = request.getClientAddress = lambda: here


class _Gathered(Collector):
    """Metrics that were collected before."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def families(server: Server) -> Iterator[Metric]:
    """Yield all metrics of a server."""
    yield _labelled(
        GaugeMetricFamily("tseep_info", "Versions and mode.", labels=("version", "mode", "redis_version", "python")),
        [((__version__, server.mode, server.redis_version, platform.python_implementation()), 1)],
    )
    yield GaugeMetricFamily("tseep_uptime_seconds", "Time since the start.", server.uptime)
    yield from _clients(server)
    yield from _commands(server)
    yield from _keyspace(server)
    yield from _persistence(server)
    yield _durations("tseep_loop_lag_seconds", "Lag of the event loop, measured ten times a second.", server.lag)
    if server.ready_batch_histogram:
        yield _batches("tseep_watcher_batch_clients", [], [([], server.ready_batch_histogram)])
    if server.threads is not None:
        yield GaugeMetricFamily("tseep_threads", "Threads that serve clients.", len(server.threads))
        text = "Clients that wait for the start of their thread."
        yield GaugeMetricFamily("tseep_waiting_clients", text, len(server.threads.waiting))
    if server.workers:
        yield from _workers(server.workers)


def _workers(workers: Sequence[Any]) -> Iterator[Metric]:
    for kind, name, text, attribute in _WORKERS:
        values = [((str(worker.number),), getattr(worker, attribute)) for worker in workers]
        yield _labelled(kind(name, text, labels=["worker"]), values)
    lags = [((str(worker.number),), worker.lag_ns / 1e9) for worker in workers]
    text = "Highest lag of its event loop in the last second."
    yield _labelled(GaugeMetricFamily("tseep_worker_loop_lag_seconds", text, labels=["worker"]), lags)
    batches = [([str(worker.number)], worker.ready_batch_histogram) for worker in workers]
    yield _batches("tseep_worker_batch_clients", ["worker"], batches)


_WORKERS = (
    (GaugeMetricFamily, "tseep_worker_clients", "Clients connected to it.", "clients"),
    (CounterMetricFamily, "tseep_worker_cpu_seconds", "CPU time of the process.", "cpu_seconds"),
    (GaugeMetricFamily, "tseep_worker_resident_bytes", "Resident memory.", "resident"),
    (CounterMetricFamily, "tseep_worker_received_bytes", "Bytes received from it.", "received"),
    (CounterMetricFamily, "tseep_worker_sent_bytes", "Bytes sent to it.", "sent"),
    (CounterMetricFamily, "tseep_worker_restarts", "Restarts of the process.", "restarts"),
)


def _clients(server: Server) -> Iterator[Metric]:
    stats, sessions = server.stats, server.sessions.values()
    yield GaugeMetricFamily("tseep_connected_clients", "Clients connected.", len(server.sessions))
    yield GaugeMetricFamily("tseep_maxclients", "Limit on connected clients.", server.config["maxclients"])
    blocked = sum([session.blocked is not None for session in sessions])
    yield GaugeMetricFamily("tseep_blocked_clients", "Clients blocked in a command.", blocked)
    subscribed = sum([bool(session.subscriptions) for session in sessions])
    yield GaugeMetricFamily("tseep_subscribed_clients", "Clients with subscriptions.", subscribed)
    yield GaugeMetricFamily("tseep_pubsub_channels", "Channels with subscribers.", len(server.pubsub.channels))
    yield GaugeMetricFamily("tseep_pubsub_patterns", "Patterns with subscribers.", len(server.pubsub.patterns))
    yield CounterMetricFamily("tseep_connections_received", "Connections accepted.", stats.connections_received)
    yield CounterMetricFamily("tseep_connections_rejected", "Connections refused.", stats.rejected_connections)
    yield CounterMetricFamily("tseep_evicted_clients", "Clients closed to free memory.", stats.evicted_clients)
    yield CounterMetricFamily("tseep_received_bytes", "Bytes received from clients.", stats.input_bytes)
    yield CounterMetricFamily("tseep_sent_bytes", "Bytes sent to clients.", stats.output_bytes)


def _commands(server: Server) -> Iterator[Metric]:
    used = [
        command for command in iter_commands(server.table.commands) if command.calls.count or command.calls.rejected
    ]
    durations = HistogramMetricFamily("tseep_command_duration_seconds", "Duration of calls.", labels=["command"])
    for command in used:
        durations.add_metric([_name(command)], _points(command.calls.buckets), command.calls.nanoseconds / 1e9)
    yield durations
    rejected = [((_name(command),), command.calls.rejected) for command in used]
    failed = [((_name(command),), command.calls.failed) for command in used]
    yield _labelled(CounterMetricFamily("tseep_commands_rejected", "Calls refused.", labels=["command"]), rejected)
    yield _labelled(CounterMetricFamily("tseep_commands_failed", "Calls that failed.", labels=["command"]), failed)
    errors = [((_text(code),), count) for code, count in server.stats.errors.items()]
    yield _labelled(CounterMetricFamily("tseep_error_replies", "Error replies.", labels=["code"]), errors)
    yield GaugeMetricFamily("tseep_slowlog_entries", "Entries of the slow log.", len(server.slowlog.entries))


def _keyspace(server: Server) -> Iterator[Metric]:
    keyspace = server.keyspace
    used = [(str(number), database) for number, database in enumerate(keyspace.databases) if len(database)]
    keys = [((number,), len(database)) for number, database in used]
    expiring = [((number,), len(database.expires)) for number, database in used]
    yield _labelled(GaugeMetricFamily("tseep_keys", "Keys.", labels=["db"]), keys)
    yield _labelled(GaugeMetricFamily("tseep_expiring_keys", "Keys with an expiry.", labels=["db"]), expiring)
    yield CounterMetricFamily("tseep_keyspace_hits", "Lookups that found the key.", keyspace.hits)
    yield CounterMetricFamily("tseep_keyspace_misses", "Lookups of a missing key.", keyspace.misses)
    yield CounterMetricFamily("tseep_expired_keys", "Keys that expired.", keyspace.expired)
    yield CounterMetricFamily("tseep_evicted_keys", "Keys removed to free memory.", keyspace.evicted)
    if server.eviction:
        yield GaugeMetricFamily(
            "tseep_memory_used_bytes", "Memory that counts for maxmemory.", server.eviction.measured().used
        )
        yield GaugeMetricFamily("tseep_memory_max_bytes", "Value of maxmemory.", server.config["maxmemory"])


def _persistence(server: Server) -> Iterator[Metric]:
    persistence = server.persistence
    snapshots, log = persistence.snapshots, persistence.log
    refused = [(("persistence",), server.refusal is not None), (("maxmemory",), server.eviction.exhausted)]
    text = "1 while writes are refused for this reason."
    yield _labelled(GaugeMetricFamily("tseep_writes_refused", text, labels=["reason"]), refused)
    yield GaugeMetricFamily("tseep_unsaved_changes", "Changes since the last snapshot.", persistence.recording.dirty)
    yield GaugeMetricFamily("tseep_last_snapshot_ok", "1 if the last snapshot succeeded.", int(snapshots.ok))
    yield GaugeMetricFamily(
        "tseep_last_snapshot_timestamp_seconds", "Time of the last good snapshot.", snapshots.saved_at
    )
    yield GaugeMetricFamily("tseep_aof_enabled", "1 if the append-only file is on.", int(log.on))
    if log.on:
        yield GaugeMetricFamily("tseep_aof_size_bytes", "Size of the append-only file.", log.size)
        yield GaugeMetricFamily("tseep_aof_ok", "1 if its last write succeeded.", int(log.error is None))


def _durations(name: str, text: str, durations: Histogram) -> Metric:
    return HistogramMetricFamily(name, text, _points(durations.buckets), durations.nanoseconds / 1e9)


def _points(buckets: Sequence[int]) -> Points:
    """Return the upper bounds of the buckets, in seconds, with cumulative counts."""
    points: Points = []
    total = 0
    for bucket, count in enumerate(buckets):
        total += count
        if FINEST <= bucket <= COARSEST:
            points.append((repr(2**bucket / 1e9), total))
    return [*points, ("+Inf", total)]


def _batches(name: str, labels: list[str], batches: list[tuple[list[str], Sequence[int]]]) -> Metric:
    family = HistogramMetricFamily(name, "Ready clients in one poll of the watcher.", labels=labels)
    for values, counts in batches:
        points: Points = []
        total = 0
        for bucket, count in enumerate(counts[1:], 1):
            total += count
            points.append((str(2**bucket - 1), total))
        family.add_metric(values, [*points, ("+Inf", total)], sum_value=None)
    return family


def _labelled(family: Any, values: Iterable[tuple[Sequence[str], float]]) -> Metric:
    """Add a value for each set of labels; return the family."""
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _name(command: Command) -> str:
    return command.name.decode()


def _text(word: bytes) -> str:
    return word.decode("utf-8", "backslashreplace")

"""
Generates docs/metrics.md: the metrics of C{--metrics}, collected from a server that has every one of them.

L{generate} writes the page.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from tempfile import TemporaryDirectory
from types import SimpleNamespace

from prometheus_client import Metric

from tseep.interfaces import IWorker, NullConnection
from tseep.server.server import Server
from tseep.web.metrics import families

HEAD = """\
# Metrics

`/metrics` of the [HTTP endpoint](monitoring.md#http-endpoint) has these metrics in the Prometheus text format, and
`process_*` and `python_*` of prometheus_client. Durations are in seconds, sizes in bytes.

A metric that does not apply is absent: `tseep_memory_*` without `maxmemory`, `tseep_aof_size_bytes` and `tseep_aof_ok`
without an append-only file, `tseep_threads` and `tseep_waiting_clients` outside v1, `tseep_watcher_batch_clients`
outside v2, and `tseep_worker_*` outside v3.
"""


def page() -> str:
    """Return the page."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    with TemporaryDirectory() as folder:
        metrics = list(families(server(folder)))
    for metric in metrics:
        name = f"`{metric.name}{'_total' if metric.type == 'counter' else ''}`"
        labels = ", ".join(f"`{label}`" for label in labels_of(metric))
        rows.append(f"| {name} | {metric.type} | {labels} | {metric.documentation} |")
    return "\n".join([HEAD, *rows, ""])


def labels_of(metric: Metric) -> Sequence[str]:
    """Return the names of a metric's labels. A metric without a sample would hide them, so it is an error."""
    (*_, sample) = metric.samples
    return [label for label in sample.labels if label != "le"]


def server(folder: str) -> Server:
    """Return a server in whose state each metric has a sample, with the parts of each mode and an AOF in C{folder}."""
    made = Server(timer=itertools.count().__next__)
    made.config.set("maxmemory", "1gb")
    made.config.set("protected-mode", "no")
    made.config.set("appendonly", "yes")
    made.config.set("dir", folder)
    made.apply_config()
    deque(made.persistence.start(), 0)
    session = made.connect(NullConnection())
    assert not isinstance(session, bytes)
    session.receive(b"SET key value EX 100\r\nGET key\r\nINCR key\r\n")
    made.ready_batch_histogram = [0, 1]
    made.threads = type("Threads", (list,), {"waiting": ()})()
    made.workers = [SimpleNamespace(**{**dict.fromkeys(IWorker.names(), 0), "ready_batch_histogram": [0, 1]})]
    return made

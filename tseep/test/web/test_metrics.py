"""Tests of L{tseep.web.metrics}."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from tseep.test.packages import skip_without
from tseep.test.support import SessionTests

skip = skip_without("prometheus_client")

if TYPE_CHECKING or skip is None:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.parser import text_string_to_metric_families

    from tseep.web.metrics import _Gathered, families


class Worker(SimpleNamespace):
    """A stand-in for the figures of a worker."""


class FamiliesTests(SessionTests):
    """The metrics, written by C{prometheus_client} and parsed by it again."""

    def scraped(self, **labels: str) -> dict[str, float]:
        """Return the values by name of the samples that have exactly these labels."""
        registry = CollectorRegistry()
        registry.register(_Gathered(list(families(self.server))))
        text = generate_latest(registry).decode()
        return {
            sample.name: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.labels == labels
        }

    def test_clients(self) -> None:
        """Gauges of connected, blocked and subscribed clients; counters of connections and bytes."""
        self.run_command("SUBSCRIBE", "a", session=self.connect())
        self.connect().receive(b"*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n")
        found = self.scraped()
        self.assertEqual(3, found["tseep_connected_clients"])
        self.assertEqual(1, found["tseep_blocked_clients"])
        self.assertEqual(1, found["tseep_subscribed_clients"])
        self.assertEqual(1, found["tseep_pubsub_channels"])
        self.assertEqual(3, found["tseep_connections_received_total"])
        self.assertEqual(self.server.stats.input_bytes, found["tseep_received_bytes_total"])

    def test_commands(self) -> None:
        """Per command: calls, duration, rejected and failed calls; error replies by code."""
        times = iter([0, 1500, 1500, 4000])  # start and end of each command
        self.server.timer = lambda: next(times)
        self.send("GET", "a")
        self.send("GET", "a")
        self.server.timer = lambda: 0
        self.send("GET")
        self.send("LPUSH", "l", "x")
        self.send("GET", "l")
        found = self.scraped(command="get")
        self.assertEqual(3, found["tseep_command_duration_seconds_count"])
        self.assertEqual(4e-06, found["tseep_command_duration_seconds_sum"])
        self.assertEqual((1, 1), (found["tseep_commands_rejected_total"], found["tseep_commands_failed_total"]))
        self.assertEqual(1, self.scraped(code="WRONGTYPE")["tseep_error_replies_total"])
        within = [self.scraped(command="get", le=end)["tseep_command_duration_seconds_bucket"] for end in
                  ("1.024e-06", "2.048e-06", "4.096e-06", "+Inf")]  # fmt: skip
        self.assertEqual([1, 2, 3, 3], within)
        self.assertEqual({}, self.scraped(command="zadd"))

    def test_keyspace(self) -> None:
        """Keys and expiring keys by database; expired keys, hits and misses."""
        self.send("SET", "a", "1", "PX", "100")
        self.send("SET", "b", "1")
        self.send("SELECT", "3")
        self.send("SET", "c", "1")
        self.send("GET", "c")
        self.send("GET", "d")
        self.assertEqual({"tseep_keys": 2, "tseep_expiring_keys": 1}, self.scraped(db="0"))
        self.assertEqual({"tseep_keys": 1, "tseep_expiring_keys": 0}, self.scraped(db="3"))
        self.advance(1)
        self.server.cron.run()
        found = self.scraped()
        self.assertEqual(1, found["tseep_expired_keys_total"])
        self.assertEqual((1, 1), (found["tseep_keyspace_hits_total"], found["tseep_keyspace_misses_total"]))

    def test_memory(self) -> None:
        """Memory used by keys is exported only while C{maxmemory} is set."""
        self.assertNotIn("tseep_memory_used_bytes", self.scraped())
        self.run_command("CONFIG", "SET", "maxmemory", "100mb")
        self.send("SET", "a", "x" * 1000)
        found = self.scraped()
        self.assertEqual(100 * 2**20, found["tseep_memory_max_bytes"])
        self.assertGreater(found["tseep_memory_used_bytes"], 1000)

    def test_loop(self) -> None:
        """Event-loop lag, and clients per batch where the mode has a watcher."""
        self.server.lag.note(3_000_000)
        self.assertEqual(0.003, self.scraped()["tseep_loop_lag_seconds_sum"])
        self.assertNotIn("tseep_watcher_batch_clients_bucket", self.scraped(le="+Inf"))
        self.server.ready_batch_histogram = [1000, 5, 2, 1]
        ends = {end: self.scraped(le=end)["tseep_watcher_batch_clients_bucket"] for end in ("1", "3", "7", "+Inf")}
        self.assertEqual({"1": 5, "3": 7, "7": 8, "+Inf": 8}, ends)

    def test_refusal(self) -> None:
        """C{tseep_writes_refused} is 1 while writes are refused, by reason."""

        def refused() -> list[float]:
            return [self.scraped(reason=each)["tseep_writes_refused"] for each in ("persistence", "maxmemory")]

        self.assertEqual([0, 0], refused())
        self.run_command("SET", "a", "x" * 200_000)
        self.run_command("CONFIG", "SET", "maxmemory", "100kb")
        self.assertEqual([0, 1], refused())
        self.server.refusal = "MISCONF"
        self.assertEqual([1, 1], refused())

    def test_strange_names(self) -> None:
        """An error code of arbitrary bytes becomes a valid label value."""
        self.server.stats.count_error(b'\xff"\n')
        self.assertEqual(1, self.scraped(code='\\xff"\n')["tseep_error_replies_total"])

    def test_threads(self) -> None:
        """v1 exports its threads and the clients that wait for one."""

        class SomeThreads(list[int]):
            waiting = ("client", "another")

        self.server.threads = SomeThreads([1, 2, 3])
        seen = self.scraped()
        self.assertEqual((3, 2), (seen["tseep_threads"], seen["tseep_waiting_clients"]))

    def test_workers(self) -> None:
        """v3 exports the figures of each worker under its number."""
        facts = {"cpu_seconds": 1.5, "resident": 4096, "lag_ns": 2_000_000, "received": 10, "sent": 20, "restarts": 1}
        self.server.workers = [
            Worker(number=number, clients=number, ready_batch_histogram=[5, 1, 2], **facts) for number in range(2)
        ]
        seen = self.scraped(worker="1")
        self.assertEqual(1, seen["tseep_worker_clients"])
        self.assertEqual(1.5, seen["tseep_worker_cpu_seconds_total"])
        self.assertEqual(4096, seen["tseep_worker_resident_bytes"])
        self.assertEqual((10, 20), (seen["tseep_worker_received_bytes_total"], seen["tseep_worker_sent_bytes_total"]))
        self.assertEqual(1, seen["tseep_worker_restarts_total"])
        self.assertEqual(0.002, seen["tseep_worker_loop_lag_seconds"])
        self.assertEqual(3, self.scraped(worker="0", le="3")["tseep_worker_batch_clients_bucket"])

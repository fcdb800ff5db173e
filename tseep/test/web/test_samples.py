"""Tests of L{tseep.web.samples}."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tseep.interfaces import IWorker
from tseep.test.support import START, SessionTests
from tseep.web.samples import LENGTH, Samples


def worker(number: int, **facts: Any) -> Any:
    """Return a stand-in for a worker of v3."""
    known = {**dict.fromkeys(IWorker.names(), 0), "resident": 4096, "lag_ns": 2_000_000}
    return SimpleNamespace(**{**known, "number": number, **facts})


class SamplesTests(SessionTests):
    """L{Samples}: one sample a second of the server's counters and gauges."""

    def setUp(self) -> None:
        """Start with one sample; each call of the timer advances it by 3 microseconds."""
        super().setUp()
        self.samples = Samples(self.server)
        self.now = 0
        self.server.timer = self.tick
        self.samples.take()  # after 3000 nanoseconds

    def tick(self) -> int:
        """Return the timer's next value, 3000 nanoseconds later."""
        self.now += 3000
        return self.now

    def test_rates(self) -> None:
        """Counters become rates per second since the previous sample."""
        received = self.server.stats.input_bytes
        self.send("SET", "a", "b")
        self.send("GET", "a")
        sent = len(self.send("GET", "nosuch"))
        self.now = 2_000_000_000
        self.samples.take()
        sample = self.samples.kept[-1]
        self.assertEqual((1.5, 0.5, 0.5), (sample.commands, sample.hits, sample.misses))
        self.assertEqual((self.server.stats.input_bytes - received) / 2, sample.received)
        self.assertEqual((len(b"+OK\r\n$1\r\nb\r\n") + sent) / 2, sample.sent)

    def test_latency(self) -> None:
        """Latency percentiles cover the calls since the previous sample, and are 0 without calls."""
        self.send("PING")
        self.pass_time(1)
        self.samples.take()
        self.assertEqual(3.072, self.samples.kept[-1].p50)
        self.assertAlmostEqual(4.076, self.samples.kept[-1].p99, 2)
        self.pass_time(1)
        self.samples.take()
        self.assertEqual(
            (0.0, 0.0, 0.0), (self.samples.kept[-1].p50, self.samples.kept[-1].p99, self.samples.kept[-1].p999)
        )

    def test_state(self) -> None:
        """Clients, blocked clients, keys, lag and memory are current values."""
        self.connect().receive(b"*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n")
        self.send("SET", "a", "b")
        self.server.lag.note(2_500_000)
        self.samples.take()
        sample = self.samples.kept[-1]
        self.assertEqual((2, 1, 1, 2.5), (sample.clients, sample.blocked, sample.keys, sample.lag))
        self.assertGreater(sample.memory, 2**20)

    def test_workers(self) -> None:
        """In v3 each worker has its values of the last second; a sample has their sums, and their highest lag."""
        self.assertEqual(([], 0), (self.samples.workers, self.samples.kept[-1].workers_memory))
        self.server.workers = [worker(0, cpu_seconds=5.0), worker(1, lag_ns=3_000_000)]
        self.samples.take()
        self.now += 2_000_000_000 - 3000 * 1
        self.server.workers = [worker(0, cpu_seconds=6.0, received=1000), worker(1, clients=7, sent=500)]
        self.samples.take()
        first, second = self.samples.workers
        self.assertEqual(
            (0, 4096, 50.0, 500.0, 0.0), (first.number, first.memory, first.cpu, first.received, first.sent)
        )
        self.assertEqual((1, 7, 0.0, 250.0), (second.number, second.clients, second.cpu, second.sent))
        sample = self.samples.kept[-1]
        self.assertEqual((50.0, 8192, 2.0), (sample.workers_cpu, sample.workers_memory, sample.workers_lag))

    def test_restarted_worker(self) -> None:
        """The CPU time of a worker's new process starts at 0: its rate is not negative."""
        self.server.workers = [worker(0, cpu_seconds=5.0)]
        self.samples.take()
        self.server.workers = [worker(0, cpu_seconds=0.1, restarts=1)]
        self.samples.take()
        self.assertEqual((0.0, 1), (self.samples.workers[0].cpu, self.samples.workers[0].restarts))

    def test_reset(self) -> None:
        """No figure is negative after CONFIG RESETSTAT."""
        for _ in range(10):
            self.send("PING")
        self.pass_time(1)
        self.samples.take()
        self.send("CONFIG", "RESETSTAT")
        self.send("PING")
        self.pass_time(1)
        self.samples.take()
        sample = self.samples.kept[-1]
        self.assertEqual([], [value for value in sample if value < 0])
        self.assertGreater(sample.p50, 0)

    def test_kept(self) -> None:
        """The last C{LENGTH} samples are kept; C{since} returns those after a time."""
        for _ in range(LENGTH + 5):
            self.pass_time(1)
            self.samples.take()
        self.assertEqual(LENGTH, len(self.samples.kept))
        end = START + LENGTH + 5
        self.assertEqual([end - 1, end], [sample.time for sample in self.samples.since(end - 2)])
        self.assertEqual([], self.samples.since(end))

    def test_clock_set_back(self) -> None:
        """C{since} returns a newer sample even if the wall clock was set back."""
        self.clock.advance(-3600)
        self.samples.take()
        self.assertEqual([START - 3600], [sample.time for sample in self.samples.since(START)])

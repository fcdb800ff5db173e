"""Tests for L{tseep.commands.admin.latency}: the latency monitor and LATENCY HISTOGRAM."""

from __future__ import annotations

from tseep.test.support import START, SessionTests, Verbatim

MILLISECOND = 1_000_000


class MonitorTests(SessionTests):
    """LATENCY LATEST, HISTORY, RESET, GRAPH and DOCTOR."""

    config = {"latency_monitor_threshold": "10"}

    def setUp(self) -> None:
        """Record samples of two events. The timer stands still, so that commands add none on a busy machine."""
        super().setUp()
        self.server.timer = lambda: 0
        note = self.server.latency.note
        note("command", START, 40 * MILLISECOND)
        note("command", START + 5, 20 * MILLISECOND)
        note("fast-command", START + 6, 11 * MILLISECOND)
        self.pass_time(10)

    def test_latest(self) -> None:
        """LATENCY LATEST returns the last and the highest latency of each event."""
        self.assertReply([[b"command", START + 5, 20, 40], [b"fast-command", START + 6, 11, 11]], "LATENCY", "LATEST")

    def test_history(self) -> None:
        """LATENCY HISTORY returns the samples of an event, oldest first, and none of an unknown event."""
        self.assertReply([[START, 40], [START + 5, 20]], "LATENCY", "HISTORY", "command")
        self.assertReply([], "LATENCY", "HISTORY", b"\xff")

    def test_reset(self) -> None:
        """LATENCY RESET returns the number of removed events."""
        self.assertReply(1, "LATENCY", "RESET", "command", "nosuch")
        self.assertReply(1, "LATENCY", "RESET")
        self.assertReply([], "LATENCY", "LATEST")

    def test_graph(self) -> None:
        """LATENCY GRAPH has a line for each sample, with a bar in proportion to its latency."""
        lines = self.run_command("LATENCY", "GRAPH", "command").decode().splitlines()
        self.assertEqual("command", lines[0])
        self.assertEqual(
            [["10", "s", "ago", "40", "ms"], ["5", "s", "ago", "20", "ms"]], [x.split()[:5] for x in lines[1:]]
        )
        self.assertEqual([60, 30], [line.count("#") for line in lines[1:]])
        self.assertError("ERR No samples available for event 'nosuch'", "LATENCY", "GRAPH", "nosuch")

    def test_doctor(self) -> None:
        """LATENCY DOCTOR reports the statistics of each event, and advice."""
        self.run_command("HELLO", 3)
        report = self.run_command("LATENCY", "DOCTOR")
        self.assertIsInstance(report, Verbatim)
        self.assertIn(b"command: 2 latency spikes (average 30 ms, mean deviation 10 ms); worst ever: 40 ms.", report)
        self.assertIn(b"SLOWLOG GET", report)

    def test_healthy(self) -> None:
        """LATENCY DOCTOR reports that no command was slow, or that the monitor is off."""
        self.run_command("LATENCY", "RESET")
        self.assertReply(b"No latency of 10 ms or more was observed.\n", "LATENCY", "DOCTOR")
        self.run_command("CONFIG", "SET", "latency-monitor-threshold", 0)
        self.assertIn(b"latency monitor is disabled", self.run_command("LATENCY", "DOCTOR"))

    def test_measured(self) -> None:
        """A command that reaches the threshold is an event: fast-command if it has the flag fast, or else command."""
        self.run_command("LATENCY", "RESET")
        times = iter([0, 30 * MILLISECOND, 0, 15 * MILLISECOND])
        self.server.timer = times.__next__
        self.send("COMMAND", "COUNT")
        self.send("PING")
        self.assertEqual(
            {"command": [(START + 10, 30)], "fast-command": [(START + 10, 15)]},
            {name: list(event.samples) for name, event in self.server.latency.events.items()},
        )


class HistogramTests(SessionTests):
    def setUp(self) -> None:
        """Record calls with these latencies in nanoseconds."""
        super().setUp()
        for name, times in {b"get": [0, 999, 1100, 2000, 70_000], b"set": [1500]}.items():
            for nanoseconds in times:
                self.server.table.commands[name].calls.buckets[nanoseconds.bit_length()] += 1
        self.server.table.commands[b"client"].subcommands[b"id"].calls.buckets[13] = 3
        self.run_command("HELLO", 3)
        self.server.table.commands[b"hello"].calls.reset()

    def test_all(self) -> None:
        """LATENCY HISTOGRAM returns the cumulative distribution of every called command."""
        self.assertReply(
            {
                b"client|id": {b"calls": 3, b"histogram_usec": {8: 3}},
                b"get": {b"calls": 5, b"histogram_usec": {1: 2, 2: 4, 131: 5}},
                b"set": {b"calls": 1, b"histogram_usec": {2: 1}},
            },
            "LATENCY",
            "HISTOGRAM",
        )

    def test_named(self) -> None:
        """LATENCY HISTOGRAM accepts names: a container's name selects its subcommands, an unknown name nothing."""
        reply = self.run_command("LATENCY", "HISTOGRAM", "CLIENT", "SET", "nosuch", "client|nosuch", "nosuch|id")
        self.assertEqual([b"client|id", b"set"], list(reply))
        self.assertEqual([b"client|id"], list(self.run_command("LATENCY", "HISTOGRAM", "Client|Id")))
        self.assertReply({}, "LATENCY", "HISTOGRAM", "ping")

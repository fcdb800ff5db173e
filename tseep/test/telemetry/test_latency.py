"""Tests of L{tseep.telemetry.latency}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.telemetry.latency import HISTORY, NEVER, Event, LatencyMonitor

MILLISECOND = 1_000_000


class EventTests(SynchronousTestCase):
    """The samples of one latency event."""

    def test_one_second(self) -> None:
        """Of several samples in one second the maximum is kept."""
        event = Event()
        for milliseconds in (5, 9, 7):
            event.note(100, milliseconds)
        event.note(101, 3)
        self.assertEqual([(100, 9), (101, 3)], list(event.samples))
        self.assertEqual(9, event.worst)

    def test_history(self) -> None:
        """The last C{HISTORY} samples are kept; C{worst} covers all."""
        event = Event()
        event.note(0, 1000)
        for second in range(1, HISTORY + 1):
            event.note(second, 1)
        self.assertEqual((HISTORY, (1, 1)), (len(event.samples), event.samples[0]))
        self.assertEqual(1000, event.worst)


class LatencyMonitorTests(SynchronousTestCase):
    """Events above the threshold, as LATENCY reports them."""

    def setUp(self) -> None:
        """Use a monitor with a threshold of 10 milliseconds."""
        self.monitor = LatencyMonitor()
        self.monitor.threshold = 10

    def test_threshold(self) -> None:
        """A duration at or above the threshold is recorded."""
        self.monitor.note("command", 100.9, 10 * MILLISECOND - 1)
        self.assertEqual({}, self.monitor.events)
        self.monitor.note("command", 100.9, 10 * MILLISECOND)
        self.assertEqual([(100, 10)], list(self.monitor.events["command"].samples))

    def test_off(self) -> None:
        """With threshold 0 nothing is recorded."""
        self.monitor.threshold = 0
        self.monitor.note("command", 100, NEVER - 1)
        self.assertEqual({}, self.monitor.events)

    def test_reset(self) -> None:
        """C{reset} deletes the named events, or all, and returns their number."""
        for name in ("a", "b", "c"):
            self.monitor.note(name, 100, 20 * MILLISECOND)
        self.assertEqual(1, self.monitor.reset(["a", "nosuch"]))
        self.assertEqual(["b", "c"], list(self.monitor.events))
        self.assertEqual(2, self.monitor.reset([]))
        self.assertEqual({}, self.monitor.events)

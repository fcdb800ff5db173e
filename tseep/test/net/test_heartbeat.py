"""Tests for L{tseep.net.heartbeat}: periodic calls and the event loop's lag."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tseep.net.heartbeat import INTERVAL_S, Heartbeat
from tseep.telemetry.histogram import LoopLag
from tseep.test.support import log_events


class HeartbeatTests(SynchronousTestCase):
    """L{Heartbeat} calls a function every C{INTERVAL_S} seconds and measures the loop's lag."""

    def setUp(self) -> None:
        """Use a fake clock and record the calls."""
        self.clock = Clock()
        self.lag = LoopLag()
        self.beats: list[float] = []
        self.error: Exception | None = None
        self.heart = Heartbeat(self.clock, lambda: round(self.clock.seconds() * 1e9), self.lag, self.beat)

    def beat(self) -> None:
        """Record the time, and raise C{error} if it is set."""
        self.beats.append(round(self.clock.seconds(), 3))
        if self.error is not None:
            raise self.error

    def test_calls(self) -> None:
        """The function is called in each interval from C{start} to C{stop}."""
        self.heart.start()
        self.clock.pump([INTERVAL_S] * 3)
        self.heart.stop()
        self.clock.pump([INTERVAL_S] * 3)
        self.assertEqual([0.1, 0.2, 0.3], self.beats)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_interval(self) -> None:
        """The interval can change from call to call."""
        intervals = iter([0.1, 0.5, 0.2])
        self.heart = Heartbeat(self.clock, lambda: 0, self.lag, self.beat, lambda: next(intervals))
        self.heart.start()
        self.clock.pump([0.1] * 8)
        self.assertEqual([0.1, 0.6], self.beats)

    def test_lag(self) -> None:
        """A late call records its lag; the next one is due an interval after it."""
        self.heart.start()
        self.clock.advance(INTERVAL_S + 0.25)
        self.assertEqual(250, round(self.lag.nanoseconds / 1e6))
        self.clock.advance(INTERVAL_S)
        self.assertEqual(250, round(self.lag.nanoseconds / 1e6))
        self.assertEqual(([0.35, 0.45], 2), (self.beats, self.lag.count))

    def test_failure(self) -> None:
        """A function that fails is called again; its failure and its recovery are each logged once."""
        events = log_events(self)
        self.error = ValueError("broken")
        self.heart.start()
        self.clock.pump([INTERVAL_S] * 3)
        self.error = None
        self.clock.pump([INTERVAL_S] * 2)
        self.assertEqual([0.1, 0.2, 0.3, 0.4, 0.5], self.beats)
        lines = [event["text"] for event in events]
        self.assertEqual(2, len(lines), lines)
        self.assertIn("ValueError: broken", lines[0])
        self.assertIn("works again", lines[1])

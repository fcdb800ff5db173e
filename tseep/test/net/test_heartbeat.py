"""Tests of L{tseep.net.heartbeat}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tseep.net.heartbeat import INTERVAL_S, Heartbeat
from tseep.telemetry.histogram import LoopLag


class HeartbeatTests(SynchronousTestCase):
    """Ten times a second."""

    def setUp(self) -> None:
        """It is on a clock that the test turns."""
        self.clock = Clock()
        self.lag = LoopLag()
        self.beats: list[float] = []
        self.error: Exception | None = None
        self.heart = Heartbeat(self.clock, lambda: round(self.clock.seconds() * 1e9), self.lag, self.beat)

    def beat(self) -> None:
        """Note the time, and fail if that is wanted."""
        self.beats.append(round(self.clock.seconds(), 3))
        if self.error is not None:
            raise self.error

    def test_beats(self) -> None:
        """It beats from start to stop."""
        self.heart.start()
        self.clock.pump([INTERVAL_S] * 3)
        self.heart.stop()
        self.clock.pump([INTERVAL_S] * 3)
        self.assertEqual([0.1, 0.2, 0.3], self.beats)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_lag(self) -> None:
        """A beat that comes late says by how much, and the next one is due an interval later."""
        self.heart.start()
        self.clock.advance(INTERVAL_S + 0.25)
        self.assertEqual(250, round(self.lag.nanoseconds / 1e6))
        self.clock.advance(INTERVAL_S)
        self.assertEqual(250, round(self.lag.nanoseconds / 1e6))
        self.assertEqual(([0.35, 0.45], 2), (self.beats, self.lag.count))

    def test_goes_on(self) -> None:
        """What fails is done again; the log hears once that it fails, and once that it does no more."""
        lines: list[str] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            lines.append(event.get("text", ""))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.error = ValueError("broken")
        self.heart.start()
        self.clock.pump([INTERVAL_S] * 3)
        self.error = None
        self.clock.pump([INTERVAL_S] * 2)
        self.assertEqual([0.1, 0.2, 0.3, 0.4, 0.5], self.beats)
        self.assertEqual(2, len(lines), lines)
        self.assertIn("ValueError: broken", lines[0])
        self.assertIn("works again", lines[1])

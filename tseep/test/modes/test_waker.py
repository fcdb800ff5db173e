"""Tests for L{tseep.modes.waker}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tseep.modes.waker import Waker
from tseep.server.server import Server
from tseep.test.support import START

NOW = START * 1000


class WakerTests(SynchronousTestCase):
    """L{Waker} has one delayed call, for the earliest of all timers."""

    def setUp(self) -> None:
        self.reactor = Clock()
        self.reactor.advance(START)
        self.rung: list[float] = []
        server = Server(timer=lambda: round(self.reactor.seconds() * 1e9))
        self.waker = Waker(self.reactor, server, lambda: self.rung.append(self.reactor.seconds() - START))

    def test_due(self) -> None:
        """The callback runs once, when the timer is due."""
        self.waker.wake(NOW + 100)
        self.reactor.advance(0.09)
        self.assertEqual([], self.rung)
        self.reactor.pump([0.02, 1])
        self.assertEqual(1, len(self.rung))

    def test_earlier_timer(self) -> None:
        """An earlier timer replaces the pending delayed call."""
        self.waker.wake(NOW + 1000)
        self.waker.wake(NOW + 100)
        self.assertEqual(1, len(self.reactor.getDelayedCalls()))
        self.reactor.advance(0.11)
        self.assertEqual(1, len(self.rung))

    def test_again(self) -> None:
        """The waker can be set again after it fired."""
        for turn in (1, 2):
            self.waker.wake(NOW + 100 * turn)
            self.reactor.advance(0.15)
            self.assertEqual(turn, len(self.rung))

    def test_stop(self) -> None:
        """C{stop} cancels the delayed call; it is idempotent, also after the timer fired."""
        self.waker.wake(NOW + 100)
        self.waker.stop()
        self.waker.stop()
        self.assertEqual([], self.reactor.getDelayedCalls())
        self.waker.wake(NOW)
        self.reactor.advance(0.1)
        self.waker.stop()
        self.assertEqual(1, len(self.rung))

"""Tests for L{tseep.modes.waker}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tseep.modes.waker import Waker
from tseep.server.server import Server
from tseep.test.support import START

NOW = START * 1000


class WakerTests(SynchronousTestCase):
    """One delayed call stands for all timers."""

    def setUp(self) -> None:
        self.reactor = Clock()
        self.reactor.advance(START)
        self.rung: list[float] = []
        server = Server(timer=lambda: round(self.reactor.seconds() * 1e9))
        self.waker = Waker(self.reactor, server, lambda: self.rung.append(self.reactor.seconds() - START))

    def test_ring(self) -> None:
        """It rings when the time has come, once."""
        self.waker.wake(NOW + 100)
        self.reactor.advance(0.09)
        self.assertEqual([], self.rung)
        self.reactor.pump([0.02, 1])
        self.assertEqual(1, len(self.rung))

    def test_nearer(self) -> None:
        """A nearer timer takes the place of the one before, and only one call is waited for."""
        self.waker.wake(NOW + 1000)
        self.waker.wake(NOW + 100)
        self.assertEqual(1, len(self.reactor.getDelayedCalls()))
        self.reactor.advance(0.11)
        self.assertEqual(1, len(self.rung))

    def test_again(self) -> None:
        """After it rang it can be set anew."""
        for turn in (1, 2):
            self.waker.wake(NOW + 100 * turn)
            self.reactor.advance(0.15)
            self.assertEqual(turn, len(self.rung))

    def test_stop(self) -> None:
        """Stopped, it leaves nothing behind; it may be stopped again, and after it rang."""
        self.waker.wake(NOW + 100)
        self.waker.stop()
        self.waker.stop()
        self.assertEqual([], self.reactor.getDelayedCalls())
        self.waker.wake(NOW)
        self.reactor.advance(0.1)
        self.waker.stop()
        self.assertEqual(1, len(self.rung))

"""Tests for L{tseep.modes.shutdown}."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tseep.modes.shutdown import POLL_INTERVAL_S, wait_while


class WaitWhileTests(SynchronousTestCase):
    """C{wait_while} polls until its condition is false or its timeout expires."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.left = [1]
        self.waiting = Deferred.fromCoroutine(wait_while(self.clock, lambda: self.left, 1.0))

    def test_condition_false(self) -> None:
        """The Deferred fires at the next poll after the condition became false."""
        self.assertNoResult(self.waiting)
        self.left.pop()
        self.clock.advance(POLL_INTERVAL_S)
        self.successResultOf(self.waiting)

    def test_timeout(self) -> None:
        """The Deferred also fires at the timeout."""
        self.clock.pump([POLL_INTERVAL_S] * 90)
        self.assertNoResult(self.waiting)
        self.clock.pump([POLL_INTERVAL_S] * 11)
        self.successResultOf(self.waiting)

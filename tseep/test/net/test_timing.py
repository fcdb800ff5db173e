"""Tests for L{tseep.net.timing}."""

from __future__ import annotations

import time

from twisted.internet.base import ReactorBase
from twisted.trial.unittest import SynchronousTestCase

from tseep.net.timing import keep_even_time


class Reactor(ReactorBase):
    """A reactor without I/O, for its timers."""

    def installWaker(self) -> None:
        """Skip the waker: no other thread wakes this reactor."""


class TimingTests(SynchronousTestCase):
    """C{keep_even_time} puts a reactor's timers on the monotonic clock."""

    def setUp(self) -> None:
        """Use fake wall and monotonic clocks."""
        self.wall, self.even = 1_700_000_000.0, 500.0
        self.called: list[str] = []
        self.reactor = Reactor()
        self.reactor.seconds = lambda: self.wall
        self.patch(time, "monotonic", lambda: self.even)

    def call(self) -> list[str]:
        """Run the delayed calls that are due; return all that have run."""
        self.reactor.runUntilCurrent()
        return self.called

    def test_set_back(self) -> None:
        """A delayed call is not affected by setting the wall clock back."""
        keep_even_time(self.reactor)
        self.reactor.callLater(10, self.called.append, "late")
        self.wall -= 3600
        self.even += 9
        self.assertEqual([], self.call())
        self.even += 1
        self.assertEqual(["late"], self.call())

    def test_scheduled_before(self) -> None:
        """A delayed call scheduled before C{keep_even_time} keeps its delay and can be reset."""
        self.reactor.callLater(10, self.called.append, "second")
        put_off = self.reactor.callLater(5, self.called.append, "third")
        self.reactor.callLater(1, self.called.append, "first")
        keep_even_time(self.reactor)
        self.even += 1
        self.assertEqual(["first"], self.call())
        put_off.reset(20)
        self.even += 9
        self.assertEqual(["first", "second"], self.call())
        self.even += 11
        self.assertEqual(["first", "second", "third"], self.call())

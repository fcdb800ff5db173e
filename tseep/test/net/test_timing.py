"""Tests for L{tseep.net.timing}."""

from __future__ import annotations

import time

from twisted.internet.base import ReactorBase
from twisted.trial.unittest import SynchronousTestCase

from tseep.net.timing import keep_even_time


class Reactor(ReactorBase):
    """A reactor that does nothing but keep time."""

    def installWaker(self) -> None:
        """Nobody wakes it."""


class TimingTests(SynchronousTestCase):
    """A reactor on the monotonic clock."""

    def setUp(self) -> None:
        """The wall clock and the monotonic one are the test's."""
        self.wall, self.even = 1_700_000_000.0, 500.0
        self.called: list[str] = []
        self.reactor = Reactor()
        self.reactor.seconds = lambda: self.wall
        self.patch(time, "monotonic", lambda: self.even)

    def call(self) -> list[str]:
        """Do what is due."""
        self.reactor.runUntilCurrent()
        return self.called

    def test_set_back(self) -> None:
        """What is to be called later is called, whatever becomes of the wall clock."""
        keep_even_time(self.reactor)
        self.reactor.callLater(10, self.called.append, "late")
        self.wall -= 3600
        self.even += 9
        self.assertEqual([], self.call())
        self.even += 1
        self.assertEqual(["late"], self.call())

    def test_called_before(self) -> None:
        """What was to be called later before keeps its delay, and can be put off."""
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

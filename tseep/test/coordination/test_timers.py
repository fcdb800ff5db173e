"""Tests for L{tseep.coordination.timers}: order, wake-ups and cancellation."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.coordination.timers import CANCELLED_SLACK, LATE_S, MAX_SLEEP_S, Timers, delay_until


class TimersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rung: list[str] = []
        self.wakes: list[int] = []
        self.timers = Timers(self.wakes.append)

    def set(self, when: int, name: str) -> object:
        """Set a timer that appends its name to C{rung}."""
        return self.timers.set(when, lambda: self.rung.append(name))

    def test_order(self) -> None:
        """Timers fire in the order of their times, equal times in the order of setting, and none before its time."""
        for when, name in ((30, "c"), (10, "a"), (20, "b"), (20, "b2")):
            self.set(when, name)
        self.timers.fire(9)
        self.assertEqual([], self.rung)
        self.timers.fire(20)
        self.assertEqual(["a", "b", "b2"], self.rung)
        self.timers.fire(100)
        self.assertEqual(["a", "b", "b2", "c"], self.rung)

    def test_wake(self) -> None:
        """C{wake} is called when a new timer becomes the first, and after firing for the next one."""
        self.set(30, "c")
        self.set(10, "a")
        self.set(20, "b")
        self.assertEqual([30, 10], self.wakes)
        self.timers.fire(10)
        self.assertEqual([30, 10, 20], self.wakes)

    def test_cancel(self) -> None:
        """A cancelled timer does not fire; cancelling again, or after it has fired, does nothing."""
        first = self.set(10, "a")
        second = self.set(10, "b")
        first.cancel()
        first.cancel()
        self.timers.fire(10)
        second.cancel()
        self.assertEqual(["b"], self.rung)

    def test_many_cancelled(self) -> None:
        """Cancelled timers are removed from the heap, so that they do not pile up."""
        for number in range(20 * CANCELLED_SLACK):
            self.set(1000 + number, "x").cancel()
        self.assertLess(len(self.timers._heap), 4 * CANCELLED_SLACK)

    def test_delay(self) -> None:
        """The delay ends L{LATE_S} after the time, is never negative, and is L{MAX_SLEEP_S} at most."""
        self.assertAlmostEqual(1 + LATE_S, delay_until(11_000, 10_000))
        self.assertEqual(LATE_S, delay_until(5_000, 10_000))
        self.assertEqual(MAX_SLEEP_S, delay_until(10**15, 10_000))

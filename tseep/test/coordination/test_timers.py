"""Tests for L{tseep.coordination.timers}."""

from __future__ import annotations

from typing import List

from twisted.trial.unittest import SynchronousTestCase

from tseep.coordination.timers import FARTHEST, FEW, LATE, Alarms, delay_until


class AlarmsTests(SynchronousTestCase):
    """What is to be done at a certain time."""

    def setUp(self) -> None:
        self.alarms = Alarms()
        self.rung: List[str] = []
        self.wakes: List[int] = []
        self.alarms.wake = self.wakes.append

    def set(self, when: int, name: str) -> object:
        """Set an alarm that notes its name."""
        return self.alarms.set(when, lambda: self.rung.append(name))

    def test_order(self) -> None:
        """Alarms are rung in the order of time, and those of one time in the order of setting; none before its time."""
        for when, name in ((30, "c"), (10, "a"), (20, "b"), (20, "b2")):
            self.set(when, name)
        self.alarms.ring(9)
        self.assertEqual([], self.rung)
        self.alarms.ring(20)
        self.assertEqual(["a", "b", "b2"], self.rung)
        self.alarms.ring(100)
        self.assertEqual(["a", "b", "b2", "c"], self.rung)

    def test_wake(self) -> None:
        """It asks to be woken when the next time comes nearer, and for the one after."""
        self.set(30, "c")
        self.set(10, "a")
        self.set(20, "b")
        self.assertEqual([30, 10], self.wakes)
        self.alarms.ring(10)
        self.assertEqual([30, 10, 20], self.wakes)

    def test_cancel(self) -> None:
        """One that is taken back is not rung; it may be taken back again, and after it was rung."""
        first = self.set(10, "a")
        second = self.set(10, "b")
        first.cancel()
        first.cancel()
        self.alarms.ring(10)
        second.cancel()
        self.assertEqual(["b"], self.rung)

    def test_many_cancelled(self) -> None:
        """Those that were taken back do not pile up."""
        for number in range(20 * FEW):
            self.set(1000 + number, "x").cancel()
        self.assertLess(len(self.alarms._heap), 4 * FEW)

    def test_delay(self) -> None:
        """The sleep is until a moment after the time, never negative, and never longer than an hour."""
        self.assertAlmostEqual(1 + LATE, delay_until(11_000, 10_000))
        self.assertEqual(LATE, delay_until(5_000, 10_000))
        self.assertEqual(FARTHEST, delay_until(10**15, 10_000))

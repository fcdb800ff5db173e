"""Tests for L{tseep.testing.clock}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.testing.clock import LATEST, MovableClock

START = 1_700_000_000.0


class MovableClockTests(SynchronousTestCase):
    """The machine's clocks are C{wall} and C{timer}."""

    def setUp(self) -> None:
        self.wall, self.timer = START, 0
        self.clock = MovableClock(lambda: self.wall, lambda: self.timer)

    def pass_time(self, seconds: int) -> None:
        """Let the machine's time pass."""
        self.wall += seconds
        self.timer += seconds * 1_000_000_000

    def assertShows(self, wall: float, seconds: float) -> None:
        """Assert both times."""
        self.assertEqual((START + wall, seconds), (self.clock.time(), self.clock.nanoseconds() / 1e9))

    def test_runs(self) -> None:
        """It runs with the machine's clocks."""
        self.pass_time(5)
        self.assertShows(5, 5)
        self.assertFalse(self.clock.moved)

    def test_advance(self) -> None:
        """Both times move, and run on."""
        self.clock.advance(300.5)
        self.pass_time(1)
        self.assertShows(301.5, 301.5)
        self.assertTrue(self.clock.moved)

    def test_set(self) -> None:
        """The monotonic time follows the wall clock forward, not back."""
        self.clock.set(START + 60)
        self.assertShows(60, 60)
        self.clock.set(START - 60)
        self.assertShows(-60, 60)

    def test_freeze(self) -> None:
        """A stopped clock can be moved, and runs on from where it stands."""
        self.clock.freeze()
        self.clock.freeze()
        self.pass_time(7)
        self.assertShows(0, 0)
        self.clock.advance(1)
        self.assertShows(1, 1)
        self.clock.freeze(START + 0.5)
        self.assertShows(0.5, 1)
        self.clock.unfreeze()
        self.clock.unfreeze()
        self.clock.set(START + 1)
        self.assertShows(1, 1.5)
        self.pass_time(2)
        self.assertShows(3, 3.5)

    def test_reset(self) -> None:
        """The wall clock shows the machine's time again; the monotonic one does not go back."""
        self.clock.advance(100)
        self.clock.freeze()
        self.pass_time(7)
        self.clock.reset()
        self.assertShows(7, 100)
        self.assertFalse(self.clock.moved)

    def test_misuse(self) -> None:
        """A wrong number is an error and changes nothing."""
        wrong: list[tuple[type[Exception], Any]] = [
            (ValueError, -1), (ValueError, float("nan")), (ValueError, float("inf")), (ValueError, LATEST),
            (TypeError, "1"), (TypeError, True), (TypeError, None),
        ]  # fmt: skip
        for kind, seconds in wrong:
            self.assertRaises(kind, self.clock.advance, seconds)
        for moment in (-1, 2 * LATEST, float("nan")):
            self.assertRaises(ValueError, self.clock.set, moment)
            self.assertRaises(ValueError, self.clock.freeze, moment)
        self.assertFalse(self.clock.frozen)
        self.assertShows(0, 0)

"""Tests of L{tseep.keyspace.usage}."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from tseep.keyspace import usage
from tseep.keyspace.usage import INITIAL_COUNTER, MAX_COUNTER, LFUCounters

MINUTE = 60


class UsesTests(SynchronousTestCase):
    """Uses are counted on a logarithmic scale, and forgotten with time."""

    def setUp(self) -> None:
        self.patch(usage, "random", random.Random(1))

    def used(self, times: int, factor: int = 10) -> int:
        """The counter of a key after so many uses in one minute."""
        counted = LFUCounters({}, factor, 1)
        for _ in range(times + 1):
            counted[b"a"] = MINUTE
        return counted.frequency(b"a", MINUTE)

    def test_new(self) -> None:
        """A key begins with some credit."""
        self.assertEqual(INITIAL_COUNTER, self.used(0))

    def test_scale(self) -> None:
        """More uses count more, but ever less so: a hundred give about 10, as in Redis's own table."""
        self.assertTrue(8 <= self.used(100) <= 14, self.used(100))
        self.assertTrue(14 <= self.used(1000) <= 24, self.used(1000))
        self.assertTrue(self.used(10_000, 0) == MAX_COUNTER)
        self.assertGreater(self.used(1000, 1), self.used(1000, 100))

    def test_decay(self) -> None:
        """For every minute in which a key is not used its counter goes down, not below zero."""
        counted = LFUCounters({}, 0, 2)
        for _ in range(10):
            counted[b"a"] = 0
        before = counted.frequency(b"a", 0)
        self.assertEqual(before - 1, counted.frequency(b"a", 2 * MINUTE))
        self.assertEqual(0, counted.frequency(b"a", 1000 * MINUTE))
        counted[b"a"] = 4 * MINUTE
        self.assertEqual(before - 1, counted.frequency(b"a", 4 * MINUTE))

    def test_no_decay(self) -> None:
        """With a decay time of 0 nothing is forgotten."""
        counted = LFUCounters({}, 10, 0)
        counted[b"a"] = 0
        self.assertEqual(INITIAL_COUNTER, counted.frequency(b"a", 10_000 * MINUTE))

"""Tests for L{tseep.keyspace.usage}: the access counters of the LFU policies."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from tseep.keyspace import usage
from tseep.keyspace.usage import INITIAL_COUNTER, MAX_COUNTER, LFUCounters

MINUTE = 60


class LFUCountersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(usage, "random", random.Random(1))

    def used(self, times: int, factor: int = 10) -> int:
        """Return a key's counter after C{times} accesses in one minute."""
        counted = LFUCounters({}, factor, 1)
        for _ in range(times + 1):
            counted[b"a"] = MINUTE
        return counted.frequency(b"a", MINUTE)

    def test_new(self) -> None:
        """A new key's counter is C{INITIAL_COUNTER}."""
        self.assertEqual(INITIAL_COUNTER, self.used(0))

    def test_scale(self) -> None:
        """The counter grows logarithmically: about 10 after 100 accesses, as in the table of redis.conf."""
        self.assertTrue(8 <= self.used(100) <= 14, self.used(100))
        self.assertTrue(14 <= self.used(1000) <= 24, self.used(1000))
        self.assertTrue(self.used(10_000, 0) == MAX_COUNTER)
        self.assertGreater(self.used(1000, 1), self.used(1000, 100))

    def test_decay(self) -> None:
        """The counter falls by one for each C{lfu-decay-time} without access, to 0 at the least."""
        counted = LFUCounters({}, 0, 2)
        for _ in range(10):
            counted[b"a"] = 0
        before = counted.frequency(b"a", 0)
        self.assertEqual(before - 1, counted.frequency(b"a", 2 * MINUTE))
        self.assertEqual(0, counted.frequency(b"a", 1000 * MINUTE))
        counted[b"a"] = 4 * MINUTE
        self.assertEqual(before - 1, counted.frequency(b"a", 4 * MINUTE))

    def test_no_decay(self) -> None:
        """With C{lfu-decay-time} 0 counters do not decay."""
        counted = LFUCounters({}, 10, 0)
        counted[b"a"] = 0
        self.assertEqual(INITIAL_COUNTER, counted.frequency(b"a", 10_000 * MINUTE))

"""Tests for L{tseep.datatypes.score_index}: the index behaves as a sorted list of the same pairs."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.score_index import BLOCK_PAIRS, Pair, ScoreIndex


class OrderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.random = random.Random(1)
        self.pairs: list[Pair] = []
        self.order = ScoreIndex()

    def fill(self, count: int, scores: int) -> None:
        """Start with C{count} pairs of C{scores} different scores."""
        members = self.random.sample(range(10 * count), count)
        self.pairs = sorted((float(self.random.randrange(scores)), b"%d" % member) for member in members)
        self.order = ScoreIndex(self.pairs)

    def check(self) -> None:
        """Compare everything that can be read with the sorted list."""
        members = [member for _, member in self.pairs]
        self.assertEqual(members, list(self.order))
        self.assertEqual(members[::-1], list(reversed(self.order)))
        for place in range(0, len(self.pairs), 97):
            self.assertEqual(place, self.order.rank(*self.pairs[place]))
            self.assertEqual(members[place : place + 600], self.order.members(place, place + 600))
        for score in (-1.0, 0.0, 1.0, 2.5, 1e9):
            self.assertEqual(sum(pair[0] < score for pair in self.pairs), self.order.below(score))
            self.assertEqual(sum(pair[0] <= score for pair in self.pairs), self.order.up_to(score))

    def test_empty(self) -> None:
        """An empty index has no members, and any pair has rank 0."""
        self.check()
        self.assertEqual(0, self.order.rank(1.0, b"x"))
        self.assertEqual([], self.order.members(0, 10))

    def test_add(self) -> None:
        """Pairs can be added in any order, also many of equal score."""
        for scores in (1, 5, 10**6):
            self.fill(0, 1)
            for number in self.random.sample(range(5000), 5000):
                pair = float(self.random.randrange(scores)), b"%d" % number
                self.pairs.append(pair)
                self.order.add(*pair)
            self.pairs.sort()
            self.check()

    def test_ascending(self) -> None:
        """Pairs can be added in ascending order."""
        for number in range(5000):
            self.pairs.append((float(number), b"m"))
            self.order.add(float(number), b"m")
        self.check()

    def test_remove(self) -> None:
        """Pairs can be removed one by one until none is left."""
        self.fill(5000, 100)
        for left in (4000, 300, 1, 0):
            while len(self.pairs) > left:
                self.order.remove(*self.pairs.pop(self.random.randrange(len(self.pairs))))
            self.check()

    def test_remove_part(self) -> None:
        """C{remove_part} removes a range: within a block, across several, at either end, all or nothing."""
        for start, stop in (
            (10, 20),
            (0, 3 * BLOCK_PAIRS),
            (100, 4000),
            (4000, 5000),
            (0, 5000),
            (7, 7),
            (BLOCK_PAIRS, 2 * BLOCK_PAIRS),
        ):
            self.fill(5000, 100)
            self.order.remove_part(start, stop)
            del self.pairs[start:stop]
            self.check()
            self.order.add(50.5, b"new")
            self.pairs = sorted([*self.pairs, (50.5, b"new")])
            self.check()

    def test_rank_of_others(self) -> None:
        """The rank of an absent pair is the index at which it would be inserted."""
        self.fill(2000, 10)
        for pair in ((-1.0, b"x"), (3.0, b"0x"), (3.5, b""), (99.0, b"")):
            self.assertEqual(sum(other < pair for other in self.pairs), self.order.rank(*pair))

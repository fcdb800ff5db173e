"""Tests for L{tseep.algorithms.lcs}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.algorithms.lcs import Pair, common_bytes, runs
from tseep.test.properties import given, settings, st

QUICK = settings(derandomize=True, database=None, deadline=None, max_examples=300)
TEXTS = st.lists(st.sampled_from(b"abc"), max_size=12).map(bytes)


def table_walk(first: bytes, second: bytes) -> list[Pair]:
    """What Redis does: fill the whole table, then walk back, to the left where both ways are as good."""
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first, 1):
        for j, b in enumerate(second, 1):
            table[i][j] = table[i - 1][j - 1] + 1 if a == b else max(table[i - 1][j], table[i][j - 1])
    pairs = []
    i, j = len(first), len(second)
    while i and j:
        if first[i - 1] == second[j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif table[i - 1][j] > table[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return pairs


class CommonBytesTests(SynchronousTestCase):
    """L{common_bytes}."""

    @QUICK
    @given(TEXTS, TEXTS)
    def test_as_redis(self, first: bytes, second: bytes) -> None:
        """Of all longest common subsequences it is the one that Redis's table gives."""
        self.assertEqual(common_bytes(first, second), table_walk(first, second))

    def test_long(self) -> None:
        """A string of a million bytes and a short one take the same way from either side."""
        text = b"ab" * 500_000
        self.assertEqual(common_bytes(text, b"ba"), [(999_998, 1), (999_997, 0)])
        self.assertEqual(common_bytes(b"ba", text), [(1, 999_998), (0, 999_997)])


class RunsTests(SynchronousTestCase):
    """L{runs}."""

    def test_adjoining(self) -> None:
        """Only pairs that follow each other in both strings are joined."""
        self.assertEqual(runs([(5, 9), (4, 8), (3, 6), (1, 5), (0, 4)]), [(4, 8, 2), (3, 6, 1), (0, 4, 2)])

    def test_none(self) -> None:
        """Without pairs there are no runs."""
        self.assertEqual(runs([]), [])

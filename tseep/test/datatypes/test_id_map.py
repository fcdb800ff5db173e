"""Tests for L{tseep.datatypes.id_map}: the map behaves as a dictionary in the order of its keys."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.id_map import ChunkedIdMap


class IdMapTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.random = random.Random(1)
        self.map: ChunkedIdMap[str] = ChunkedIdMap()
        self.expected: dict[int, str] = {}

    def fill(self, count: int) -> None:
        """Append this number of ids, with gaps between them."""
        for number in range(count):
            self.map.append(3 * number + 1, str(number))
            self.expected[3 * number + 1] = str(number)

    def check(self) -> None:
        """Compare everything that can be read with the expected dictionary."""
        items = sorted(self.expected.items())
        self.assertEqual(items, list(self.map))
        self.assertEqual(len(items), len(self.map))
        self.assertEqual(items[0][0] if items else 0, self.map.first())
        self.assertEqual(items[-1][0] if items else 0, self.map.last())
        for low, high in ((0, 10**9), (50, 700), (301, 301), (302, 302), (10**6, 10**7)):
            part = [item for item in items if low <= item[0] <= high]
            self.assertEqual(part, list(self.map.items(low, high)))
            self.assertEqual(part[::-1], list(self.map.items_down(low, high)))

    def test_append(self) -> None:
        """Appended ids are found, and the ids in the gaps are not."""
        self.check()
        self.fill(1000)
        self.check()
        self.assertEqual(("100", None), (self.map.get(301), self.map.get(302)))

    def test_add(self) -> None:
        """C{add} inserts a new id anywhere, and returns the value of an existing one."""
        for id in self.random.sample(range(1, 3000), 1000):
            self.assertIs(None, self.map.add(id, str(id)))
            self.expected[id] = str(id)
        self.check()
        self.assertEqual(str(id), self.map.add(id, "other"))
        self.check()

    def test_pop(self) -> None:
        """C{pop} removes any id, the last one included; greater ids can then be appended."""
        self.fill(1000)
        for id in self.random.sample(sorted(self.expected), 990):
            self.assertEqual(self.expected.pop(id), self.map.pop(id))
        self.assertIs(None, self.map.pop(2))
        self.check()
        self.map.append(10**6, "x")
        self.expected[10**6] = "x"
        self.check()
        for id in list(self.expected):
            self.map.pop(id)
        self.assertEqual(([], None), (list(self.map), self.map.pop(1)))

    def test_truncate(self) -> None:
        """C{truncate} removes the last entries and returns whether some are left."""
        self.fill(250)
        self.assertTrue(self.map.truncate(60))
        self.assertEqual(190, len(self.map))
        self.assertFalse(self.map.truncate(1000))
        self.assertEqual(0, len(self.map))

    def test_copy(self) -> None:
        """A change of a copy does not change the original."""
        self.fill(250)
        other = self.map.copy()
        other.pop(1)
        other.append(10**6, "x")
        self.check()
        self.assertEqual(250, len(other))

"""Tests for L{tseep.datatypes.sorted_set}: members, their scores and their order."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.sorted_set import SortedSet


class SortedSetTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.value = SortedSet({b"b": 2.0, b"a": 1.0, b"c": 2.0})

    def test_order(self) -> None:
        """Members are ordered by score, and by their bytes among equal scores."""
        self.assertEqual([b"a", b"b", b"c"], list(self.value))
        self.assertEqual([b"c", b"b", b"a"], list(reversed(self.value)))
        self.assertEqual([0, 1, 2, None], [self.value.rank(member) for member in (b"a", b"b", b"c", b"d")])

    def test_set(self) -> None:
        """A new score moves a member; the same score, or the other zero, changes nothing."""
        self.value.set(b"a", 3.0)
        self.assertEqual([b"b", b"c", b"a"], list(self.value))
        self.value.set(b"a", 0.0)
        self.value.set(b"a", -0.0)
        self.assertEqual(("0.0", 3), (str(self.value.score(b"a")), len(self.value)))

    def test_remove(self) -> None:
        """C{remove} removes a member from the scores and from the order."""
        self.assertTrue(self.value.remove(b"b"))
        self.assertFalse(self.value.remove(b"b"))
        self.assertEqual(([b"a", b"c"], None), (list(self.value), self.value.score(b"b")))
        self.assertNotIn(b"b", self.value)

    def test_remove_part(self) -> None:
        """C{remove_part} removes a range from the scores and from the order, and returns it."""
        self.assertEqual([(2.0, b"b"), (2.0, b"c")], self.value.remove_part(1, 3))
        self.assertEqual({b"a": 1.0}, self.value.scores)

    def test_level(self) -> None:
        """C{is_level} returns whether all scores are equal."""
        self.assertFalse(self.value.is_level())
        self.value.remove(b"a")
        self.assertTrue(self.value.is_level())
        self.assertTrue(SortedSet().is_level())

    def test_before(self) -> None:
        """C{before} returns the number of members with lower bytes, if all scores are equal."""
        self.value.remove(b"a")
        self.assertEqual([0, 1, 1, 2], [self.value.before(member) for member in (b"b", b"b\0", b"c", b"d")])
        self.assertEqual(0, SortedSet().before(b"x"))

    def test_encoding(self) -> None:
        """A sorted set is a listpack while it is small and its members are short."""
        self.assertEqual(b"listpack", self.value.encoding())
        self.value.set(b"x" * 65, 1.0)
        self.assertEqual(b"skiplist", self.value.encoding())
        self.assertEqual(b"skiplist", SortedSet({b"%d" % number: 0.0 for number in range(129)}).encoding())

    def test_size(self) -> None:
        """The size grows with the number of members."""
        self.assertGreater(SortedSet({b"%d" % n: 0.0 for n in range(1000)}).size(), 1000 * 100)
        self.assertGreater(self.value.size(), SortedSet().size())

    def test_copy(self) -> None:
        """A change of a copy does not change the original."""
        other = self.value.copy()
        other.remove(b"a")
        self.assertEqual((3, 2), (len(self.value), len(other)))

    def test_release(self) -> None:
        """C{release} removes a limited number of last members and returns whether some are left."""
        self.assertTrue(self.value.release(2))
        self.assertEqual([b"a"], list(self.value))
        self.assertFalse(self.value.release(2))

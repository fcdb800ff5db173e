"""Tests for L{tseep.datatypes.sorted_set}: members, their scores and their order."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.limits import LIMITS
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
        """A new sorted set is a listpack up to a number of members and their length."""
        self.patch(LIMITS, "zset_max_listpack_entries", 3)
        self.patch(LIMITS, "zset_max_listpack_value", 4)
        self.assertEqual(b"listpack", SortedSet.of({}).encoding)
        self.assertEqual(b"listpack", SortedSet.of({b"4444": 1.0, b"b": 1.0, b"c": 2.0}).encoding)
        self.assertEqual(b"skiplist", SortedSet.of({b"55555": 1.0}).encoding)
        self.assertEqual(b"skiplist", SortedSet.of({b"%d" % number: 0.0 for number in range(4)}).encoding)

    def test_convert(self) -> None:
        """A listpack becomes a skiplist with one member too many or with a long one, and stays one."""
        self.patch(LIMITS, "zset_max_listpack_entries", 3)
        self.patch(LIMITS, "zset_max_listpack_value", 4)
        for member in (b"55555", b"d"):
            value = SortedSet.of({b"b": 2.0, b"a": 1.0, b"c": 2.0})
            value.set(b"a", 3.0)
            self.assertEqual((b"listpack", [b"b", b"c", b"a"]), (value.encoding, list(value)))
            value.set(member, 0.0)
            value.remove(member)
            value.remove(b"a")
            self.assertEqual((b"skiplist", [b"b", b"c"]), (value.encoding, list(value)))

    def test_negative_zero(self) -> None:
        """A listpack keeps the score -0 as 0; a skiplist keeps it."""
        small, large = SortedSet.of({b"a": -0.0}), SortedSet({b"a": -0.0})
        for value in (small, large):
            value.set(b"b", -0.0)
        self.assertEqual("{b'a': 0.0, b'b': 0.0} {b'a': -0.0, b'b': -0.0}", f"{small.scores} {large.scores}")

    def test_size(self) -> None:
        """The size grows with the number of members."""
        self.assertGreater(SortedSet({b"%d" % n: 0.0 for n in range(1000)}).size(), 1000 * 100)
        self.assertGreater(self.value.size(), SortedSet().size())

    def test_copy(self) -> None:
        """A copy has the encoding of the original; a change of it does not change the original."""
        for value in (self.value, SortedSet.of(self.value.scores)):
            other = value.copy()
            other.remove(b"a")
            self.assertEqual((3, 2, type(value)), (len(value), len(other), type(other)))

    def test_release(self) -> None:
        """C{release} removes a limited number of last members and returns whether some are left."""
        self.assertTrue(self.value.release(2))
        self.assertEqual([b"a"], list(self.value))
        self.assertFalse(self.value.release(2))

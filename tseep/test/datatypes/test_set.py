"""Tests for L{tseep.datatypes.set}: the value of a set."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.set import MAX_INTSET_ENTRIES, Set


class SetTests(SynchronousTestCase):
    def test_like_a_python_set(self) -> None:
        """After random changes the set equals a Python set with the same changes."""
        chance = random.Random(1)
        value = Set()
        expected: set[bytes] = set()
        for _ in range(3000):
            member = b"%d" % chance.randrange(40)
            if chance.random() < 0.5:
                self.assertEqual(member not in expected, value.add(member))
                expected.add(member)
            else:
                self.assertEqual(member in expected, value.discard(member))
                expected.discard(member)
            self.assertEqual(len(expected), len(value))
        self.assertEqual(expected, set(value))
        self.assertTrue(all(member in value for member in expected))

    def test_pop(self) -> None:
        """C{pop} returns every member once, in random order."""
        firsts = set()
        for _ in range(200):
            value = Set([b"a", b"b", b"c"])
            popped = [value.pop() for _ in range(3)]
            self.assertEqual({b"a", b"b", b"c"}, set(popped))
            firsts.add(popped[0])
        self.assertEqual({b"a", b"b", b"c"}, firsts)

    def test_scan(self) -> None:
        """A scan returns every member that is present throughout, whatever else is added and removed."""
        chance = random.Random(2)
        for _ in range(50):
            value = Set(b"%d" % number for number in range(50))
            staying = set(value) - {b"%d" % chance.randrange(50) for _ in range(20)}
            leaving = list(set(value) - staying)
            met, cursor = set(), 0
            while True:
                cursor, members = value.scan(cursor, 7)
                met.update(members)
                if not cursor:
                    break
                if leaving:
                    value.discard(leaving.pop())
                value.add(b"new%d" % chance.randrange(10))
            self.assertLessEqual(staying, met)

    def test_encoding(self) -> None:
        """A small set of integers is an intset."""
        self.assertEqual(b"intset", Set([b"1", b"-2"]).encoding())
        self.assertEqual(b"hashtable", Set([b"1", b"01"]).encoding())
        self.assertEqual(b"hashtable", Set(b"%d" % number for number in range(MAX_INTSET_ENTRIES + 1)).encoding())

    def test_copy(self) -> None:
        """A change of a copy does not change the original."""
        value = Set([b"a"])
        value.copy().add(b"b")
        self.assertEqual([b"a"], list(value))

    def test_size(self) -> None:
        """The size grows with the number and the length of members."""
        self.assertEqual(Set([b"a"]).size() + 160, Set([b"a" * 161]).size())
        self.assertGreater(Set([b"a", b"b"]).size(), Set([b"a"]).size())

    def test_release(self) -> None:
        """C{release} removes a limited number of members and returns whether some are left."""
        value = Set([b"a", b"b", b"c"])
        self.assertEqual([True, False], [value.release(2), value.release(2)])
        self.assertEqual(0, len(value))

"""Tests for L{tseep.datatypes.set}: the value of a set."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.limits import LIMITS
from tseep.datatypes.set import IntSet, Set


class SetTests(SynchronousTestCase):
    def test_like_a_python_set(self) -> None:
        """After random changes the set equals a Python set with the same changes, in each encoding."""
        chance = random.Random(1)
        for value in (Set(), IntSet()):
            expected: set[bytes] = set()
            for _ in range(3000):
                self.change(chance, value, expected)
                self.assertEqual(len(expected), len(value))
            self.assertEqual(expected, set(value))
            self.assertTrue(all(member in value for member in expected))
        self.assertEqual(sorted(expected, key=int), list(value))

    def change(self, chance: random.Random, value: Set, expected: set[bytes]) -> None:
        """Apply the same random change to both."""
        member = b"%d" % chance.randrange(-20, 20)
        if chance.random() < 0.5:
            self.assertEqual(member not in expected, value.add(member))
            expected.add(member)
        elif chance.random() < 0.8:
            self.assertEqual(member in expected, value.discard(member))
            expected.discard(member)
        elif expected:
            expected.remove(value.pop())

    def test_pop(self) -> None:
        """C{pop} returns every member once, in random order."""
        firsts = set()
        for _ in range(200):
            for value in (Set([b"1", b"2", b"3"]), IntSet([b"1", b"2", b"3"])):
                popped = [value.pop() for _ in range(3)]
                self.assertEqual({b"1", b"2", b"3"}, set(popped))
                firsts.add((type(value), popped[0]))
        self.assertEqual(6, len(firsts))

    def test_pick(self) -> None:
        """C{pick} returns every member at times."""
        for value in (Set([b"1", b"2", b"3"]), IntSet([b"1", b"2", b"3"])):
            self.assertEqual({b"1", b"2", b"3"}, {value.pick() for _ in range(200)})

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
        """A small new set of 64-bit integers is an intset."""
        self.patch(LIMITS, "set_max_intset_entries", 4)
        self.assertEqual(b"intset", Set.of([]).encoding)
        self.assertEqual(b"intset", Set.of([b"1", b"-2", b"-2", b"0", b"9223372036854775807"]).encoding)
        for text in (b"01", b"-0", b"+1", b"", b"1.0", b"9223372036854775808"):
            self.assertEqual(b"hashtable", Set.of([b"1", text]).encoding)
        self.assertEqual(b"hashtable", Set.of(b"%d" % number for number in range(5)).encoding)

    def test_convert(self) -> None:
        """An intset becomes a hashtable with one integer too many or with another member, and stays one."""
        self.patch(LIMITS, "set_max_intset_entries", 3)
        for member in (b"x", b"-5"):
            value = Set.of([b"30", b"2", b"7"])
            value.discard(b"2")
            self.assertEqual((True, b"intset"), (value.add(b"2"), value.encoding))
            self.assertEqual((True, b"hashtable"), (value.add(member), value.encoding))
            self.assertEqual((True, True, b"hashtable"), (value.discard(member), value.discard(b"30"), value.encoding))
            self.assertEqual({b"2", b"7"}, set(value))

    def test_copy(self) -> None:
        """A copy has the encoding of the original; a change of it does not change the original."""
        for kind in (Set, IntSet):
            value = kind([b"1"])
            copied = value.copy()
            copied.add(b"2")
            self.assertEqual((kind, [b"1"]), (type(copied), list(value)))

    def test_size(self) -> None:
        """The size grows with the number and the length of members."""
        self.assertEqual(Set([b"a"]).size() + 160, Set([b"a" * 161]).size())
        self.assertGreater(Set([b"a", b"b"]).size(), Set([b"a"]).size())

    def test_release(self) -> None:
        """C{release} removes a limited number of members and returns whether some are left."""
        for value in (Set([b"1", b"2", b"3"]), IntSet([b"1", b"2", b"3"])):
            self.assertEqual([True, False], [value.release(2), value.release(2)])
            self.assertEqual(0, len(value))

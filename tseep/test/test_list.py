"""Tests for L{tseep.store.list}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..store.list import RedisList


class RedisListTests(SynchronousTestCase):
    """A list in the store."""

    def test_span(self) -> None:
        """Any part of it, whichever end is nearer."""
        plain = [b"%d" % number for number in range(20)]
        value = RedisList(plain)
        for first in range(20):
            for last in range(first - 1, 20):
                self.assertEqual(plain[first : last + 1], value.span(first, last))

    def test_copy(self) -> None:
        """A copy is a list of its own."""
        value = RedisList([b"a"])
        copied = value.copy()
        copied.append(b"b")
        self.assertEqual((RedisList, [b"a"]), (type(copied), list(value)))

    def test_size(self) -> None:
        """More and longer elements take more."""
        self.assertEqual(RedisList([b"a"]).size() + 160, RedisList([b"a" * 161]).size())
        self.assertGreater(RedisList([b"a", b"b"]).size(), RedisList([b"a"]).size())

    def test_release(self) -> None:
        """It gives back some elements at a time."""
        value = RedisList([b"a", b"b", b"c"])
        self.assertEqual([True, False], [value.release(2), value.release(2)])
        self.assertEqual(0, len(value))

"""Tests for L{tseep.datatypes.stream}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.stream import Consumer, Group, Stream, id_text


class StreamTests(SynchronousTestCase):
    """Entries, and the groups that share them."""

    def setUp(self) -> None:
        self.stream = Stream()
        for id in range(1, 6):
            self.stream.add(id, (b"f", b"v"))
        self.group = self.stream.groups[b"g"] = Group(0, 0)
        self.one, self.other = [self.group.consumers.setdefault(name, Consumer(name, 0)) for name in (b"1", b"2")]

    def test_id(self) -> None:
        """An id is shown in two parts."""
        self.assertEqual(b"7-9", id_text(7 << 64 | 9))

    def test_delete(self) -> None:
        """The highest id that was deleted is remembered."""
        self.assertEqual([True, True, False], [self.stream.delete(id) for id in (4, 2, 2)])
        self.assertEqual((3, 4, 5), (len(self.stream), self.stream.max_deleted_id, self.stream.entries_added))

    def test_deliver(self) -> None:
        """What is delivered to one is pending for it, until it is delivered to another or acknowledged."""
        self.group.deliver(1, self.one, 10)
        self.group.deliver(2, self.one, 10)
        self.group.deliver(1, self.other, 20)
        self.assertEqual([2], [id for id, _ in self.one.pending])
        self.assertEqual([(1, 20, 1)], [(id, each.time, each.count) for id, each in self.other.pending])
        self.assertEqual([True, False], [self.group.forget(1), self.group.forget(1)])
        self.assertEqual((1, 0), (len(self.group.pending), len(self.other.pending)))

    def test_remove_consumer(self) -> None:
        """With a consumer goes what is pending for it."""
        self.group.deliver(1, self.one, 10)
        self.group.deliver(2, self.other, 10)
        self.assertEqual(1, self.group.remove(self.one))
        self.assertEqual(([2], [b"2"]), ([id for id, _ in self.group.pending], list(self.group.consumers)))

    def test_lag(self) -> None:
        """How much a group has not seen is known as long as nothing in between was deleted."""
        self.assertEqual(5, self.stream.lag(self.group))
        self.stream.advance(self.group, 1)
        self.assertEqual((1, 4), (self.group.entries_read, self.stream.lag(self.group)))
        self.stream.delete(3)
        self.assertIs(None, self.stream.lag(self.group))
        for id in (2, 4, 5):
            self.stream.advance(self.group, id)
        self.assertEqual(0, self.stream.lag(self.group))

    def test_copy(self) -> None:
        """A copy has groups of its own."""
        self.group.deliver(1, self.one, 10)
        other = self.stream.copy()
        other.groups[b"g"].forget(1)
        other.delete(1)
        self.assertEqual((5, 1, 1), (len(self.stream), len(self.group.pending), len(self.one.pending)))
        self.assertEqual((4, 0), (len(other), len(other.groups[b"g"].consumers[b"1"].pending)))

    def test_size(self) -> None:
        """Entries and pending ones count."""
        before = self.stream.size()
        self.group.deliver(1, self.one, 10)
        self.assertGreater(self.stream.size(), before)
        self.assertGreater(before, Stream().size())

    def test_release(self) -> None:
        """It is given back bit by bit, entries first."""
        self.group.deliver(1, self.one, 10)
        while self.stream.release(1):
            pass
        self.assertEqual((0, {}), (len(self.stream), self.stream.groups))

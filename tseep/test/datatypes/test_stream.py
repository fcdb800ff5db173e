"""Tests for L{tseep.datatypes.stream}: entries, consumer groups and pending entries."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.stream import Consumer, Group, Stream, id_text


class StreamTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stream = Stream()
        for id in range(1, 6):
            self.stream.add(id, (b"f", b"v"))
        self.group = self.stream.groups[b"g"] = Group(0, 0)
        self.one, self.other = [self.group.consumers.setdefault(name, Consumer(name, 0)) for name in (b"1", b"2")]

    def test_id(self) -> None:
        """L{id_text} shows milliseconds and sequence number."""
        self.assertEqual(b"7-9", id_text(7 << 64 | 9))

    def test_delete(self) -> None:
        """C{delete} records the highest id that was deleted."""
        self.assertEqual([True, True, False], [self.stream.delete(id) for id in (4, 2, 2)])
        self.assertEqual((3, 4, 5), (len(self.stream), self.stream.max_deleted_id, self.stream.entries_added))

    def test_deliver(self) -> None:
        """An entry is pending for the consumer to which it was delivered last, until it is acknowledged."""
        self.group.deliver(1, self.one, 10)
        self.group.deliver(2, self.one, 10)
        self.group.deliver(1, self.other, 20)
        self.assertEqual([2], [id for id, _ in self.one.pending])
        self.assertEqual([(1, 20, 1)], [(id, each.time, each.count) for id, each in self.other.pending])
        self.assertEqual([True, False], [self.group.forget(1), self.group.forget(1)])
        self.assertEqual((1, 0), (len(self.group.pending), len(self.other.pending)))

    def test_remove_consumer(self) -> None:
        """Removing a consumer removes its pending entries."""
        self.group.deliver(1, self.one, 10)
        self.group.deliver(2, self.other, 10)
        self.assertEqual(1, self.group.remove(self.one))
        self.assertEqual(([2], [b"2"]), ([id for id, _ in self.group.pending], list(self.group.consumers)))

    def test_lag(self) -> None:
        """The lag of a group is known, unless an entry that it has not read was deleted."""
        self.assertEqual(5, self.stream.lag(self.group))
        self.stream.advance(self.group, 1)
        self.assertEqual((1, 4), (self.group.entries_read, self.stream.lag(self.group)))
        self.stream.delete(3)
        self.assertIs(None, self.stream.lag(self.group))
        for id in (2, 4, 5):
            self.stream.advance(self.group, id)
        self.assertEqual(0, self.stream.lag(self.group))

    def test_copy(self) -> None:
        """A copy has its own entries, groups and pending entries."""
        self.group.deliver(1, self.one, 10)
        other = self.stream.copy()
        other.groups[b"g"].forget(1)
        other.delete(1)
        self.assertEqual((5, 1, 1), (len(self.stream), len(self.group.pending), len(self.one.pending)))
        self.assertEqual((4, 0), (len(other), len(other.groups[b"g"].consumers[b"1"].pending)))

    def test_size(self) -> None:
        """The size counts entries and pending entries."""
        before = self.stream.size()
        self.group.deliver(1, self.one, 10)
        self.assertGreater(self.stream.size(), before)
        self.assertGreater(before, Stream().size())

    def test_release(self) -> None:
        """C{release} removes a limited number of entries, then of groups, and returns whether some are left."""
        self.group.deliver(1, self.one, 10)
        while self.stream.release(1):
            pass
        self.assertEqual((0, {}), (len(self.stream), self.stream.groups))

"""Tests for L{tseep.rdb.streams}: reading and writing of streams."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.stream import Consumer, Group, Stream
from tseep.rdb.format import Corrupt, length, string
from tseep.rdb.listpack import Element, write_listpack
from tseep.rdb.reader import DAMAGED, Reader
from tseep.rdb.streams import read_stream, write_stream


def made() -> Stream:
    """Return a stream of several nodes with various fields, deleted entries, and a group with pending entries."""
    stream = Stream()
    for number in range(1, 251):
        fields = (b"f", b"%d" % number) + ((b"g", b"x") if number % 7 == 0 else ())
        stream.add(number << 64 | number % 3, fields)
    stream.delete(9 << 64)
    group = stream.groups[b"g"] = Group(0, 0)
    for name in (b"me", b"idle"):
        group.consumers[name] = Consumer(name, 1000)
    for number in (1, 2, 3):
        stream.advance(group, number << 64 | number % 3)
        group.deliver(number << 64 | number % 3, group.consumers[b"me"], 2000)
    return stream


class StreamTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        """Entries, IDs, nodes, groups, consumers and pending entries are read as written."""
        stream = made()
        reader = Reader(write_stream(stream))
        again = read_stream(reader, 2)
        self.assertEqual(reader.end, reader.at)
        self.assertEqual(list(stream.entries), list(again.entries))
        self.assertEqual([node.ids for node in stream.entries.nodes()], [node.ids for node in again.entries.nodes()])
        for name in ("last_id", "entries_added", "max_deleted_id"):
            self.assertEqual(getattr(stream, name), getattr(again, name))
        group, same = stream.groups[b"g"], again.groups[b"g"]
        self.assertEqual((group.last_id, group.entries_read), (same.last_id, same.entries_read))
        self.assertEqual([1000, 1000], [consumer.seen for consumer in same.consumers.values()])
        for pending, consumer in ((same.pending, None), (same.consumers[b"me"].pending, b"me")):
            found = [(id >> 64, each.time, each.count, each.consumer.name) for id, each in pending]
            self.assertEqual([(number, 2000, 1, b"me") for number in (1, 2, 3)], found, consumer)

    def test_add_after_read(self) -> None:
        """Entries can be added to a stream that was read."""
        again = read_stream(Reader(write_stream(made())), 2)
        again.add(1000 << 64, (b"a", b"b"))
        self.assertEqual((1000 << 64, (b"a", b"b")), list(again.entries)[-1])

    def test_empty(self) -> None:
        """A stream without entries keeps its last ID."""
        stream = Stream()
        stream.last_id = 5
        read = read_stream(Reader(write_stream(stream)), 2)
        self.assertEqual((0, 5), (len(read), read.last_id))

    def test_damaged(self) -> None:
        """A truncated stream is refused; one with changed bits is refused or read as a valid stream."""
        data = write_stream(made())
        for end in range(0, len(data), 7):
            self.assertRaises(DAMAGED, read_stream, Reader(data[:end]), 2)
        chance = random.Random(3)
        for _ in range(500):
            damaged = bytearray(data)
            damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            try:
                write_stream(read_stream(Reader(bytes(damaged)), 2))
            except DAMAGED:
                pass

    def test_wrong_count(self) -> None:
        """An entry whose number of elements is wrong, which Redis reads backwards, is refused."""
        right: list[Element] = [1, 0, 1, b"f", 0, 2, 0, 0, b"v", 4]
        for elements, damaged in ((right, False), ([*right[:-1], 5], True)):
            node = string((5 << 64).to_bytes(16, "big")) + string(write_listpack(elements))
            reader = Reader(length(1) + node + b"".join(map(length, [1, 5, 0, 0])))
            if damaged:
                error = str(self.assertRaises(Corrupt, read_stream, reader, 1))
                self.assertIn("Stream listpack integrity check failed", error)
            else:
                self.assertEqual(1, len(read_stream(reader, 1)))

    def test_shared_pending_entry(self) -> None:
        """An entry that is pending for two consumers is refused."""
        key, zeros = (5 << 64).to_bytes(16, "big"), bytes(8)
        group = string(b"g") + length(5) + length(0) + length(1) + key + zeros + length(1)
        consumers = length(2) + b"".join(string(name) + zeros + length(1) + key for name in (b"a", b"b"))
        data = b"".join(map(length, [0, 0, 5, 0, 1])) + group + consumers
        error = str(self.assertRaises(Corrupt, read_stream, Reader(data), 1))
        self.assertEqual("Stream consumer PEL entry already has a consumer assigned", error)

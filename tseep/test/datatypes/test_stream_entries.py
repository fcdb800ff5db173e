"""Tests for L{tseep.datatypes.stream_entries}: trimming, and the boundaries of nodes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.limits import LIMITS, NodeLimits
from tseep.datatypes.stream_entries import StreamEntries


class StreamEntriesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.entries = StreamEntries()

    def fill(self, first: int, last: int, size: int = 1) -> None:
        for id in range(first, last + 1):
            self.entries.append(id, (b"f", b"v" * size))

    def sizes(self) -> list[int]:
        """Return the number of entries of each node."""
        return [len(node.ids) for node in self.entries.nodes()]

    def check(self, ids: list[int]) -> None:
        self.assertEqual(ids, [id for id, _ in self.entries])
        self.assertEqual(len(ids), len(self.entries))

    def test_exactly(self) -> None:
        """Trimming removes entries from the start, down to a length or up to an ID."""
        self.fill(1, 1000)
        self.assertEqual(150, self.entries.trim(850, 10**9, False, 0))
        self.assertEqual(50, self.entries.trim(0, 201, False, 0))
        self.assertEqual(0, self.entries.trim(900, 10**9, False, 0))
        self.check(list(range(201, 1001)))
        self.assertEqual(800, self.entries.trim(0, 10**9, False, 0))
        self.check([])

    def test_whole_nodes(self) -> None:
        """Approximate trimming removes only whole nodes, within its limit."""
        self.fill(1, 1000)
        self.assertEqual(100, self.entries.trim(850, 10**9, True, 0))
        self.assertEqual(200, self.entries.trim(0, 10**9, True, 250))
        self.assertEqual(0, self.entries.trim(0, 10**9, True, 99))
        self.assertEqual(100, self.entries.trim(0, 450, True, 0))

    def test_bytes(self) -> None:
        """A node has as many entries as fit into its bytes, one at least: values of redis-server."""
        self.fill(1, 100, 100)
        self.assertEqual(1, self.entries.trim(99, 10**9, False, 0))
        self.entries = StreamEntries()
        self.fill(1, 1000, 100)
        self.assertEqual(972, self.entries.trim(20, 10**9, True, 0))
        self.entries = StreamEntries()
        self.fill(1, 109, 10_000)
        self.assertEqual(99, self.entries.trim(10, 10**9, True, 0))

    def test_new_limits(self) -> None:
        """New limits are for new entries, also in the last node; 0 is no limit."""
        self.fill(1, 150)
        self.patch(LIMITS, "stream_nodes", NodeLimits(entries=20))
        self.fill(151, 200)
        self.assertEqual([100, 50, 20, 20, 10], self.sizes())
        self.entries = StreamEntries()
        self.patch(LIMITS, "stream_nodes", NodeLimits(0, 0))
        self.fill(1, 1000, 100)
        self.assertEqual([1000], self.sizes())

    def test_removed(self) -> None:
        """Entries that were removed one by one count; a node without entries is removed."""
        self.fill(1, 60)
        for id in range(11, 31):
            self.assertEqual((b"f", b"v"), self.entries.pop(id))
        self.assertIs(None, self.entries.pop(11))
        self.fill(61, 110)
        self.assertEqual([80, 10], self.sizes())
        for id in range(101, 111):
            self.entries.pop(id)
        self.check([*range(1, 11), *range(31, 101)])
        self.fill(111, 111)
        self.assertEqual([80, 1], self.sizes())

    def test_end(self) -> None:
        """A node whose last entries were deleted still reaches up to them: MINID keeps it."""
        self.fill(1, 150)
        for id in range(95, 101):
            self.entries.pop(id)
        self.assertEqual((0, 94), (self.entries.trim(0, 100, True, 0), self.entries.trim(0, 101, True, 0)))

    def test_after_loading(self) -> None:
        """A node that was loaded stays as it is, and gets entries only if there is room."""
        self.entries.append_node(list(range(1, 41)), [(b"f", b"v" * 1000)] * 40)
        self.fill(41, 42)
        self.assertEqual([40, 2], self.sizes())
        self.entries = StreamEntries()
        self.entries.append_node(list(range(1, 11)), [(b"f", b"v")] * 10)
        self.fill(11, 20)
        self.assertEqual([20], self.sizes())

    def test_copy(self) -> None:
        """A change of a copy does not change the original, and its nodes are the same."""
        self.fill(1, 250)
        self.entries.pop(1)
        other = self.entries.copy()
        other.pop(2)
        other.append(10**6, (b"f", b"v"))
        self.check(list(range(2, 251)))
        self.assertEqual(249, len(other))
        self.assertEqual([98, 100, 51], [len(node.ids) for node in other.nodes()])

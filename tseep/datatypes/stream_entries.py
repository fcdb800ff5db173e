"""
The entries of a stream, in nodes with the boundaries of Redis's nodes (redis/src/t_stream.c, redis/src/listpack.c).

A node of Redis is a listpack. Trimming with C{~} removes whole nodes, so what it removes depends on the bytes of
listpacks. Computing them takes a fourth of the time of an XADD; therefore only trimming with C{~} and snapshots do so.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import chain, islice

from tseep.algorithms.numeric import integer
from tseep.datatypes.id_map import Chunk, SortedChunks
from tseep.datatypes.limits import LIMITS, NodeLimits

SEQUENCE = 2**64 - 1
"""The highest sequence number, and its mask: an ID is C{milliseconds << 64 | sequence}."""

Fields = tuple[bytes, ...]
"""The fields of an entry, alternating with their values."""

MAX_OPEN_ENTRIES = 100
"""Number of entries after which an open node is left for another one, whatever the limits."""

_FRAME_BYTES = 7  # header and end of a listpack
_MAX_ENTRY_BYTES = 18  # of an entry's flags, difference of sequence, and counts
_MAX_SHORT_ELEMENT_BYTES = 4  # besides its text of less than 4096 bytes


class _Tally:
    """
    What the listpack of a node has, besides the present entries.

    Entries that are removed one by one still belong to it, as Redis only marks them as deleted; those that were removed
    before they were measured are not part of its bytes.

    @ivar first: the ID of the first entry that the node had. C{names}: its field names, which others omit.
    @ivar bytes: bytes of the listpack up to the first C{measured} entries.
    @ivar removed: number of entries that were removed one by one. C{highest_removed}: their highest ID.
    """

    __slots__ = ("bytes", "first", "highest_removed", "measured", "names", "removed")

    def __init__(self, first: int, names: Fields) -> None:
        self.first = first
        self.names = names
        self.measured = self.removed = self.highest_removed = 0
        self.bytes = _frame_bytes(names)

    def copy(self) -> _Tally:
        other = _Tally(self.first, self.names)
        other.bytes, other.measured = self.bytes, self.measured
        other.removed, other.highest_removed = self.removed, self.highest_removed
        return other


class StreamNode(Chunk[Fields]):
    """
    A node of a stream.

    @ivar limits: those under which its entries were added, if it is open: it has entries of Redis's next nodes, or
        lacks some that are in the next node here. None if it is one of Redis's nodes.
    """

    __slots__ = ("_tally", "limits")

    def __init__(self, ids: list[int], values: list[Fields], limits: NodeLimits | None = None) -> None:
        super().__init__(ids, values)
        self.limits = limits
        self._tally: _Tally | None = None  # only of nodes for which it has been needed

    def tally(self) -> _Tally:
        if self._tally is None:
            self._tally = _Tally(self.ids[0], self.values[0][::2])
        return self._tally

    def count(self) -> int:
        """Return the number of entries, with those that were removed one by one."""
        return len(self.ids) + (0 if self._tally is None else self._tally.removed)

    def end(self) -> int:
        """Return the highest ID that the node has or had."""
        return self.ids[-1] if self._tally is None else max(self.ids[-1], self._tally.highest_removed)

    def first(self) -> int:
        """Return the lowest ID that the node has or had."""
        return self.ids[0] if self._tally is None else self._tally.first

    def remove(self, at: int, count: int) -> None:
        """Remove entries one by one from the index C{at}."""
        tally = self._tally or self.tally()
        if at < tally.measured:
            tally.measured = max(at, tally.measured - count)
        tally.removed += count
        highest = self.ids[at + count - 1]
        if highest > tally.highest_removed:
            tally.highest_removed = highest
        del self.ids[at : at + count], self.values[at : at + count]

    def settle(self, following: Iterator[StreamNode]) -> tuple[StreamNode | None, int]:
        """
        Make this one of Redis's nodes, if it is open.

        @param following: the nodes after it, from which entries are taken as needed.
        @return: an open node to insert after it, if entries are left, and the number of nodes that were taken.
        """
        taken = 0
        while self.limits is not None and not self._is_full(self.limits):
            at = self._fitting(self.limits)
            if at < len(self.ids):
                rest = StreamNode(self.ids[at:], self.values[at:], self.limits)
                del self.ids[at:], self.values[at:]
                self.limits = None
                return rest, taken
            node = next(following, None)
            if node is None:
                return None, taken
            taken += 1
            self.ids += node.ids
            self.values += node.values
            self.limits = node.limits
        self.limits = None
        return None, taken

    def reopen(self, limits: NodeLimits) -> None:
        """Let this node, the last one, have more entries if there is room."""
        if self.limits is None and (not limits.entries or self.count() < limits.entries):
            self._fitting(NodeLimits(0, 0))
            self.limits = limits

    def copy(self) -> StreamNode:
        other = StreamNode(self.ids[:], self.values[:], self.limits)
        other._tally = None if self._tally is None else self._tally.copy()
        return other

    def _is_full(self, limits: NodeLimits) -> bool:
        """Return whether a quick check shows that the node has its maximum number of entries, and bytes to spare."""
        count = len(self.ids)
        if self._tally is not None or count != limits.entries:
            return False
        text = sum(map(len, chain.from_iterable(self.values)))
        entry = _MAX_ENTRY_BYTES + _integer_bytes((self.ids[-1] - self.ids[0]) >> 64)
        most = text + _MAX_SHORT_ELEMENT_BYTES * sum(map(len, self.values)) + count * entry
        return text < 4096 and most + _frame_bytes(self.values[0][::2]) < limits.bytes

    def _fitting(self, limits: NodeLimits) -> int:
        """Measure entries up to the first one that belongs to Redis's next node. Return its index, or their number."""
        tally, ids, values = self.tally(), self.ids, self.values
        for at in range(tally.measured, len(ids)):
            size = tally.bytes + _integer_bytes(at) + _integer_bytes(tally.removed)
            full = limits.entries and at + tally.removed >= limits.entries
            if at and (full or size + sum(map(len, values[at])) >= limits.bytes):
                return at
            tally.bytes += _entry_bytes(ids[at], values[at], tally.first, tally.names)
            tally.measured = at + 1
        return len(ids)


class StreamEntries(SortedChunks[StreamNode, Fields]):
    """
    The entries of a stream by ID.

    The nodes at the start are as in Redis, once trimming has needed them. The others are open; L{_settle_first} makes
    Redis's nodes of them, in order.
    """

    __slots__ = ("_limits", "_room")

    def __init__(self) -> None:
        super().__init__()
        self._limits: NodeLimits | None = None  # of the last node, if that is open
        self._room = 0  # number of entries that can be added to it

    def append(self, id: int, fields: Fields) -> None:
        """Add an entry, whose ID must be above all others. O(1)."""
        limits = LIMITS.stream_nodes
        if self._room and limits is self._limits:
            self._room -= 1
            node = self._chunks[-1]
            node.ids.append(id)
            node.values.append(fields)
            self._size += 1
        else:
            self._append_open(id, fields, limits)

    def _append_open(self, id: int, fields: Fields, limits: NodeLimits) -> None:
        if self._chunks:
            self._chunks[-1].reopen(limits)
        self._append_chunk(StreamNode([id], [fields], limits))
        self._limits = limits
        self._room = min(limits.entries or MAX_OPEN_ENTRIES, MAX_OPEN_ENTRIES) - 1

    def append_node(self, ids: list[int], values: list[Fields]) -> None:
        """Append a loaded node of sorted IDs, which must be above all others, to other loaded nodes."""
        self._append_chunk(StreamNode(ids, values))

    def count_nodes(self) -> int:
        """Return the number of nodes, without making Redis's of those that are open."""
        return len(self._chunks)

    def nodes(self) -> list[StreamNode]:
        """Return Redis's nodes, which must not be changed."""
        chunks = iter(self._chunks)
        nodes = []
        node = next(chunks, None)
        while node is not None:
            rest, _ = node.settle(chunks)
            nodes.append(node)
            node = rest or next(chunks, None)
        self._chunks, self._firsts = nodes, [node.first() for node in nodes]
        self._room = 0
        return nodes

    def pop(self, id: int) -> Fields | None:
        """Remove an entry. Return its fields; None if it does not exist."""
        if not self._chunks:
            return None
        number = self._number(id)
        node = self._chunks[number]
        at = bisect_left(node.ids, id)
        if at == len(node.ids) or node.ids[at] != id:
            return None
        fields = node.values[at]
        self._remove(number, at, 1)
        return fields

    def trim(self, keep: int, lowest: int, whole: bool, limit: int) -> int:
        """
        Remove the first entries while more than C{keep} are left and their IDs are below C{lowest} (XTRIM).

        @param whole: True to remove only whole nodes (C{~}).
        @param limit: maximum number of removed entries; 0 for no limit.
        @return: number of removed entries.
        """
        before = self._size
        while self._size > keep:
            node = self._chunks[0]
            if whole and node.limits is not None:
                self._settle_first()
            count = len(node.ids)
            if limit and before - self._size + count > limit:
                break
            if self._size - count < keep or node.end() >= lowest:
                if not whole:
                    self._remove(0, 0, min(self._size - keep, bisect_left(node.ids, lowest)))
                break
            self._remove(0, 0, count)
        return before - self._size

    def _settle_first(self) -> None:
        rest, taken = self._chunks[0].settle(islice(self._chunks, 1, None))
        inserted = [] if rest is None else [rest]
        self._chunks[1 : 1 + taken] = inserted
        self._firsts[1 : 1 + taken] = [node.ids[0] for node in inserted]
        if len(self._chunks) == 1:
            self._room = 0

    def _remove(self, number: int, at: int, count: int) -> None:
        """Remove C{count} entries from index C{at} of a node."""
        node = self._chunks[number]
        self._size -= count
        if count == len(node.ids):
            self._drop(number)
            if number == len(self._chunks):
                self._room = 0
        elif count:
            node.remove(at, count)

    def copy(self) -> StreamEntries:
        other = StreamEntries()
        other._chunks = [node.copy() for node in self._chunks]
        other._firsts = self._firsts[:]
        other._size = self._size
        return other


def _frame_bytes(names: Fields) -> int:
    """Return the bytes of a listpack of a node besides its entries and their numbers, with the field names."""
    return _FRAME_BYTES + sum(map(_element_bytes, names)) + _integer_bytes(len(names)) + _integer_bytes(0)


def _entry_bytes(id: int, fields: Fields, first: int, names: Fields) -> int:
    """Return the bytes of an entry in a node that begins with the ID C{first} and the field names C{names}."""
    difference = id - first
    if 0 <= difference < 128:
        size = 6
    else:
        sequence = (id & SEQUENCE) - (first & SEQUENCE)
        signed = (sequence + 2**63) % 2**64 - 2**63
        size = _integer_bytes(0) + _integer_bytes((id >> 64) - (first >> 64)) + _integer_bytes(signed)
    if fields[::2] == names:
        return size + sum(map(_element_bytes, fields[1::2])) + _integer_bytes(len(names) + 3)
    size += _integer_bytes(len(fields) // 2)
    return size + sum(map(_element_bytes, fields)) + _integer_bytes(len(fields) + 4)


def _element_bytes(text: bytes) -> int:
    """Return the bytes of an element of a listpack, which stores canonical integers as such."""
    size = len(text)
    if size <= 20:
        number = None if text > b":" else integer(text)  # which no integer is
        return size + 2 if number is None else _integer_bytes(number)
    size += 1 if size < 64 else 2 if size < 4096 else 5
    return size + 1 + (size > 127) + (size >= 16383) + (size >= 2097151) + (size >= 268435455)


def _integer_bytes(number: int) -> int:
    """Return the bytes of an integer in a listpack."""
    if 0 <= number < 128:
        return 2
    if -4096 <= number < 4096:
        return 3
    for size in (2, 3, 4):
        if -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1:
            return size + 2
    return 10

"""Sorted mappings from integer IDs, mostly appended to: the entries of streams, and pending entries."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

MAX_CHUNK_ENTRIES = 100
"""Number of entries up to which a L{ChunkedIdMap} appends to a chunk."""

Value = TypeVar("Value")


class Chunk(Generic[Value]):
    """Consecutive entries, at least one."""

    __slots__ = ("ids", "values")

    def __init__(self, ids: list[int], values: list[Value]) -> None:
        self.ids = ids
        self.values = values


AnyChunk = TypeVar("AnyChunk", bound=Chunk[Any])


class SortedChunks(Generic[AnyChunk, Value]):
    """
    A mapping from integer IDs to values, sorted by ID, in chunks. A subclass adds and removes entries.

    Operations are O(log N), except that adding or removing a chunk moves the list of chunks, at about a picosecond per
    entry.
    """

    __slots__ = ("_chunks", "_firsts", "_size")

    def __init__(self) -> None:
        self._chunks: list[AnyChunk] = []
        self._firsts: list[int] = []  # for each chunk an ID that is at most its first, and not below the previous one
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[tuple[int, Value]]:
        return self.items()

    def first(self) -> int:
        """The lowest ID; 0 if the map is empty."""
        return self._chunks[0].ids[0] if self._chunks else 0

    def last(self) -> int:
        """The highest ID; 0 if the map is empty."""
        return self._chunks[-1].ids[-1] if self._chunks else 0

    def get(self, id: int) -> Value | None:
        if not self._chunks:
            return None
        chunk = self._chunks[self._number(id)]
        at = bisect_left(chunk.ids, id)
        return chunk.values[at] if at < len(chunk.ids) and chunk.ids[at] == id else None

    def items(self, first: int = 0, last: int | None = None) -> Iterator[tuple[int, Value]]:
        """The entries with IDs from C{first} to C{last} (None: all). The map must not change during the iteration."""
        chunks = self._chunks
        for number in range(self._number(first), len(chunks)):
            ids, values = chunks[number].ids, chunks[number].values
            start = bisect_left(ids, first)
            end = len(ids) if last is None else bisect_right(ids, last)
            yield from zip(ids[start:end], values[start:end])
            if end < len(ids):
                return

    def items_down(self, first: int, last: int) -> Iterator[tuple[int, Value]]:
        """As L{items}, in descending order of the IDs."""
        for number in range(self._number(last) if self._chunks else -1, -1, -1):
            ids, values = self._chunks[number].ids, self._chunks[number].values
            start, end = bisect_left(ids, first), bisect_right(ids, last)
            yield from zip(ids[start:end][::-1], values[start:end][::-1])
            if start:
                return

    def truncate(self, most: int) -> bool:
        """Remove C{most} of the last entries. Return whether there are more."""
        while most and self._chunks:
            chunk = self._chunks[-1]
            count = min(most, len(chunk.ids))
            del chunk.ids[-count:], chunk.values[-count:]
            self._size -= count
            most -= count
            if not chunk.ids:
                self._drop(-1)
        return bool(self._chunks)

    def _number(self, id: int) -> int:
        """The index of the chunk that has an ID, or to which it belongs."""
        return max(0, bisect_right(self._firsts, id) - 1)

    def _append_chunk(self, chunk: AnyChunk) -> None:
        """Append a chunk, whose IDs must be above all others."""
        self._chunks.append(chunk)
        self._firsts.append(chunk.ids[0])
        self._size += len(chunk.ids)

    def _drop(self, number: int) -> None:
        del self._chunks[number], self._firsts[number]


class ChunkedIdMap(SortedChunks[Chunk[Value], Value]):
    """A mapping whose chunks have up to L{MAX_CHUNK_ENTRIES} entries, twice as many by additions between others."""

    __slots__ = ()

    def append(self, id: int, value: Value) -> None:
        """Add an ID, which must be above all others. O(1)."""
        chunk = self._chunks[-1] if self._chunks else None
        if chunk is None or len(chunk.ids) >= MAX_CHUNK_ENTRIES:
            self._append_chunk(Chunk([id], [value]))
        else:
            chunk.ids.append(id)
            chunk.values.append(value)
            self._size += 1

    def add(self, id: int, value: Value) -> Value | None:
        """
        Add an ID unless it exists.

        @return: the value of the existing ID; None if the ID was added.
        """
        if id > self.last() or not self._chunks:
            self.append(id, value)
            return None
        number = self._number(id)
        chunk = self._chunks[number]
        at = bisect_left(chunk.ids, id)
        if chunk.ids[at : at + 1] == [id]:
            return chunk.values[at]
        chunk.ids.insert(at, id)
        chunk.values.insert(at, value)
        self._firsts[number] = min(id, self._firsts[number])
        self._size += 1
        if len(chunk.ids) > 2 * MAX_CHUNK_ENTRIES:
            self._divide(number)
        return None

    def pop(self, id: int) -> Value | None:
        """Remove an ID. Return its value; None if it does not exist."""
        if not self._chunks:
            return None
        number = self._number(id)
        chunk = self._chunks[number]
        ids = chunk.ids
        at = bisect_left(ids, id)
        if at == len(ids) or ids[at] != id:
            return None
        del ids[at]
        self._size -= 1
        if not ids:
            self._drop(number)
        return chunk.values.pop(at)

    def copy(self) -> ChunkedIdMap[Value]:
        other: ChunkedIdMap[Value] = ChunkedIdMap()
        other._chunks = [Chunk(chunk.ids[:], chunk.values[:]) for chunk in self._chunks]
        other._firsts = self._firsts[:]
        other._size = self._size
        return other

    def _divide(self, number: int) -> None:
        chunk = self._chunks[number]
        upper = Chunk(chunk.ids[MAX_CHUNK_ENTRIES:], chunk.values[MAX_CHUNK_ENTRIES:])
        del chunk.ids[MAX_CHUNK_ENTRIES:], chunk.values[MAX_CHUNK_ENTRIES:]
        self._chunks.insert(number + 1, upper)
        self._firsts.insert(number + 1, upper.ids[0])

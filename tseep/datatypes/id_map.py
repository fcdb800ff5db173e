"""A sorted mapping from integer IDs, mostly appended to: the entries of streams, and pending entries."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Generic, TypeVar

MAX_CHUNK_ENTRIES = 100
"""Number of entries up to which a chunk is appended to (Redis's stream-node-max-entries)."""

Value = TypeVar("Value")


class _Chunk(Generic[Value]):
    """
    Consecutive entries, at least one.

    @ivar removed: the highest removed ID that was above the last one; else 0.
    """

    __slots__ = ("ids", "removed", "values")

    def __init__(self, ids: list[int], values: list[Value]) -> None:
        self.ids = ids
        self.values = values
        self.removed = 0

    def end(self) -> int:
        """The highest ID that the chunk has or had."""
        return max(self.ids[-1], self.removed)


class ChunkedIdMap(Generic[Value]):
    """
    A mapping from integer IDs to values, sorted by ID.

    The entries are in chunks, like the nodes of Redis's streams. Appending is O(1). Other operations are O(log N),
    except that adding or removing a chunk moves the list of chunks, at about a picosecond per entry.
    """

    __slots__ = ("_chunks", "_firsts", "_room", "_size")

    def __init__(self) -> None:
        self._chunks: list[_Chunk[Value]] = []
        self._firsts: list[int] = []  # for each chunk an ID that is at most its first, and not below the previous one
        self._room = 0  # number of entries that can still be appended to the last chunk
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

    def chunks(self) -> int:
        """The number of chunks, which XINFO STREAM reports as nodes."""
        return len(self._chunks)

    def parts(self) -> Iterator[tuple[list[int], list[Value]]]:
        """The IDs and the values of each chunk, which must not be changed."""
        return ((chunk.ids, chunk.values) for chunk in self._chunks)

    def append_part(self, ids: list[int], values: list[Value]) -> None:
        """Append a chunk of sorted IDs, which must be above all others."""
        self._chunks.append(_Chunk(ids, values))
        self._firsts.append(ids[0])
        self._room = max(0, MAX_CHUNK_ENTRIES - len(ids))
        self._size += len(ids)

    def append(self, id: int, value: Value) -> None:
        """Add an ID, which must be above all others."""
        if self._room:
            self._room -= 1
            chunk = self._chunks[-1]
            chunk.ids.append(id)
            chunk.values.append(value)
        else:
            self._room = MAX_CHUNK_ENTRIES - 1
            self._chunks.append(_Chunk([id], [value]))
            self._firsts.append(id)
        self._size += 1

    def get(self, id: int) -> Value | None:
        if not self._chunks:
            return None
        chunk = self._chunks[self._number(id)]
        at = bisect_left(chunk.ids, id)
        return chunk.values[at] if at < len(chunk.ids) and chunk.ids[at] == id else None

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
        elif at == len(ids):
            chunk.removed = max(id, chunk.removed)
        return chunk.values.pop(at)

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

    def trim(self, keep: int, lowest: int, whole: bool, limit: int) -> int:
        """
        Remove the first entries while more than C{keep} are left and their IDs are below C{lowest} (XTRIM).

        @param whole: True to remove only whole chunks (C{~}).
        @param limit: maximum number of removed entries; 0 for no limit.
        @return: number of removed entries.
        """
        before = self._size
        while self._size > keep:
            chunk = self._chunks[0]
            count = len(chunk.ids)
            if limit and before - self._size + count > limit:
                break
            if self._size - count < keep or chunk.end() >= lowest:
                if not whole:
                    self._cut(chunk, min(self._size - keep, bisect_left(chunk.ids, lowest)))
                break
            self._size -= count
            self._drop(0)
        return before - self._size

    def truncate(self, most: int) -> bool:
        """Remove about C{most} of the last entries. Return whether there are more."""
        for _ in range(min(len(self._chunks), 1 + most // MAX_CHUNK_ENTRIES)):
            self._size -= len(self._chunks[-1].ids)
            self._drop(-1)
        return bool(self._chunks)

    def copy(self) -> ChunkedIdMap[Value]:
        other: ChunkedIdMap[Value] = ChunkedIdMap()
        other._chunks = [_Chunk(chunk.ids[:], chunk.values[:]) for chunk in self._chunks]
        other._firsts = self._firsts[:]
        other._room = self._room
        other._size = self._size
        return other

    def _number(self, id: int) -> int:
        """The index of the chunk that has an ID, or to which it belongs."""
        return max(0, bisect_right(self._firsts, id) - 1)

    def _drop(self, number: int) -> None:
        del self._chunks[number], self._firsts[number]
        if number in (-1, len(self._chunks)):
            self._room = 0

    def _cut(self, chunk: _Chunk[Value], count: int) -> None:
        """Remove C{count} entries from the start of the first chunk."""
        del chunk.ids[:count], chunk.values[:count]
        self._size -= count
        if not chunk.ids:
            self._drop(0)

    def _divide(self, number: int) -> None:
        chunk = self._chunks[number]
        upper = _Chunk(chunk.ids[MAX_CHUNK_ENTRIES:], chunk.values[MAX_CHUNK_ENTRIES:])
        del chunk.ids[MAX_CHUNK_ENTRIES:], chunk.values[MAX_CHUNK_ENTRIES:]
        upper.removed, chunk.removed = chunk.removed, 0
        self._chunks.insert(number + 1, upper)
        self._firsts.insert(number + 1, upper.ids[0])

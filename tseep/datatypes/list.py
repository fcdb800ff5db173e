"""The list data type (https://redis.io/docs/latest/develop/data-types/lists/)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Union

from tseep.datatypes.collection import Collection
from tseep.datatypes.limits import LIMITS
from tseep.datatypes.list_chunks import (
    CHUNK_ELEMENTS,
    SAMPLE,
    Chunk,
    chunk_elements,
    chunk_size,
    compressed,
    cut,
    pack,
)

MAX_END_ELEMENTS = 2 * CHUNK_ELEMENTS
"""Number of elements at which an end splits off a chunk. It keeps as many, so that alternating pushes and pops are
cheap."""

OBJECT_BYTES = 64 + 2 * 72
"""Bytes of an empty list with its ends."""

Part = Union[Chunk, list[bytes]]
"""A chunk, or the elements of an end."""

_NONE: deque[Chunk] = deque(maxlen=0)
"""Shared by all lists without chunks, as an empty C{deque} is larger than a short list."""


class RedisList(Collection):
    """
    A list: a plain C{list} at each end, the left one reversed, and chunks between them.

    Operations at the ends are O(1), as for a C{list}. An index in the middle takes a step for each chunk between it and
    the nearer end. Chunks are numbered from 0; the left end is number -1, the right end the one after the last chunk.
    A pop from an empty end first moves the adjacent chunk there.
    """

    __slots__ = ("_between", "_inner", "_left", "_right")

    type_name = b"list"
    encoding = b"quicklist"

    def __init__(self, elements: Sequence[bytes] = ()) -> None:
        self.clear()
        self.extend(elements)

    def clear(self) -> None:
        self._left: list[bytes] = []
        self._between = _NONE
        self._inner = 0  # elements in chunks
        self._right: list[bytes] = []

    def __len__(self) -> int:
        return len(self._left) + self._inner + len(self._right)

    def __iter__(self) -> Iterator[bytes]:
        return chain(reversed(self._left), chain.from_iterable(self._between), self._right)

    def __reversed__(self) -> Iterator[bytes]:
        between = (reversed(list(chunk)) for chunk in reversed(self._between))
        return chain(reversed(self._right), chain.from_iterable(between), self._left)

    # Ends

    def append(self, element: bytes) -> None:
        right = self._right
        right.append(element)
        if len(right) >= MAX_END_ELEMENTS:
            self._pack_right()

    def appendleft(self, element: bytes) -> None:
        left = self._left
        left.append(element)
        if len(left) >= MAX_END_ELEMENTS:
            self._pack_left()

    def extend(self, elements: Sequence[bytes]) -> None:
        self._right += elements
        self._pack_right()

    def extendleft(self, elements: Sequence[bytes]) -> None:
        """Add elements at the left, one after the other: the last of them becomes the first of the list."""
        self._left += elements
        self._pack_left()

    def pop(self) -> bytes:
        """Remove and return the last element of a non-empty list."""
        if not self._right:
            if not self._between:
                return self._left.pop(0)  # O(N), but an end is short
            self._right = list(self._take_right())
        return self._right.pop()

    def popleft(self) -> bytes:
        """Remove and return the first element of a non-empty list."""
        if not self._left:
            if not self._between:
                return self._right.pop(0)
            self._left = list(self._take_left())[::-1]
        return self._left.pop()

    def trim(self, first: int, last: int) -> None:
        """Keep the elements from index C{first} to C{last} only (LTRIM); none, if C{first} is greater."""
        if first > last:
            self.clear()
        else:
            self._cut_right(len(self) - 1 - last)
            self._cut_left(first)

    def _pack_right(self) -> None:
        """Split chunks off the right end, if it has L{MAX_END_ELEMENTS} elements or more."""
        right = self._right
        surplus = len(right) // CHUNK_ELEMENTS * CHUNK_ELEMENTS - CHUNK_ELEMENTS
        if surplus > 0:
            between = self._between = self._between or deque()
            for chunk in cut(right[:surplus]):
                between.append(chunk)
                self._compress(len(between) - LIMITS.list_compress_depth)
            self._inner += surplus
            del right[:surplus]

    def _pack_left(self) -> None:
        """Split chunks off the left end, if it has L{MAX_END_ELEMENTS} elements or more."""
        left = self._left
        surplus = len(left) // CHUNK_ELEMENTS * CHUNK_ELEMENTS - CHUNK_ELEMENTS
        if surplus > 0:
            between = self._between = self._between or deque()
            for chunk in reversed(cut(left[surplus - 1 :: -1])):
                between.appendleft(chunk)
                self._compress(LIMITS.list_compress_depth - 1)
            self._inner += surplus
            del left[:surplus]

    def _take_right(self) -> Part:
        """Remove and return the part before the right end: the last chunk, or the left end."""
        if self._between:
            chunk = self._between.pop()
            self._inner -= len(chunk)
            return chunk
        taken, self._left = self._left[::-1], []
        return taken

    def _take_left(self) -> Part:
        """Remove and return the part after the left end: the first chunk, or the right end."""
        if self._between:
            chunk = self._between.popleft()
            self._inner -= len(chunk)
            return chunk
        taken, self._right = self._right, []
        return taken

    def _cut_right(self, count: int) -> None:
        """Remove C{count} elements at the right, fewer than all."""
        last: Part = self._right
        self._right = []
        while count >= len(last):
            count -= len(last)
            last = self._take_right()
        self._right = list(last)[: len(last) - count]

    def _cut_left(self, count: int) -> None:
        """Remove C{count} elements at the left, fewer than all."""
        first: Part = self._left[::-1]
        self._left = []
        while count >= len(first):
            count -= len(first)
            first = self._take_left()
        self._left = list(first)[count:][::-1]

    # Elements by index

    def __getitem__(self, place: int) -> bytes:
        """The element at an index, which can be negative; it must be in range."""
        number, at = self._find(place)
        if number < 0:
            return self._left[~at]
        return self._right[at] if number == len(self._between) else self._between[number][at]

    def __setitem__(self, place: int, element: bytes) -> None:
        """Replace the element at an index, which can be negative; it must be in range."""
        number, at = self._find(place)
        if number < 0:
            self._left[~at] = element
        elif number == len(self._between):
            self._right[at] = element
        else:
            elements = list(self._between[number])
            elements[at] = element
            self._put_between(number, elements)

    def insert(self, place: int, element: bytes) -> None:
        """Insert an element before the one at an index, or append it if the index is the length."""
        if place == len(self):
            return self.append(element)
        number, at = self._find(place)
        elements = self._elements(number)
        elements.insert(at, element)
        return self._put(number, elements)

    def span(self, first: int, last: int) -> list[bytes]:
        """The elements from index C{first} to C{last}, which must be in range and in order."""
        count = last + 1 - first
        number, at = self._find(first)
        found = self._elements(number)[at : at + count]
        while len(found) < count:
            number += 1
            found += self._elements(number)
        del found[count:]
        return found

    def places(self, element: bytes, most: int, backwards: bool = False) -> Iterator[int]:
        """
        The indexes of an element (LPOS).

        @param most: maximum number of compared elements.
        @param backwards: True to start at the right.
        """
        size, passed = len(self), 0
        for _, chunk in self._chunks(backwards):
            if passed >= most:
                return
            if element in chunk:
                elements = list(chunk)[::-1] if backwards else list(chunk)
                for step in [step for step, one in enumerate(elements[: most - passed], passed) if one == element]:
                    yield size - 1 - step if backwards else step
            passed += len(chunk)

    def remove(self, element: bytes, most: int, backwards: bool = False) -> int:
        """
        Remove occurrences of an element, at most C{most} (LREM).

        @param backwards: True to start at the right.
        @return: number of removed elements.
        """
        left, changed = most, []
        for number, chunk in self._chunks(backwards):
            if not left:
                break
            if element in chunk:
                elements = _without(list(chunk), element, left, backwards)
                left -= len(chunk) - len(elements)
                changed.append((number, elements))
        for number, elements in sorted(changed, reverse=True):  # from the right, as _put renumbers later chunks
            self._put(number, elements)
        return most - left

    def _find(self, place: int) -> tuple[int, int]:
        """The number of the part with an index, and the position in the part."""
        size, left = len(self), len(self._left)
        if place < 0:
            place += size
        if place < left:
            return -1, place
        if place >= left + self._inner:
            return len(self._between), place - left - self._inner
        return self._find_between(place - left)

    def _find_between(self, place: int) -> tuple[int, int]:
        """As L{_find}, for an index relative to the first chunk; steps from the nearer end."""
        forwards = 2 * place < self._inner
        if not forwards:
            place = self._inner - 1 - place
        number = 0
        for count in map(len, self._between if forwards else reversed(self._between)):
            if place < count:
                break
            place -= count
            number += 1
        return (number, place) if forwards else (len(self._between) - 1 - number, count - 1 - place)

    def _chunks(self, backwards: bool) -> Iterator[tuple[int, Part]]:
        """Both ends and the chunks, with their numbers, in order."""
        count, left = len(self._between), self._left[::-1]
        if backwards:
            return zip(range(count, -2, -1), chain([self._right], reversed(self._between), [left]))
        return zip(range(-1, count + 1), chain([left], self._between, [self._right]))

    def _elements(self, number: int) -> list[bytes]:
        """The elements of an end or a chunk, in a new list."""
        if number < 0:
            return self._left[::-1]
        return list(self._right if number == len(self._between) else self._between[number])

    def _put(self, number: int, elements: list[bytes]) -> None:
        """Replace the elements of an end or a chunk."""
        if number < 0:
            self._left = elements[::-1]
            self._pack_left()
        elif number == len(self._between):
            self._right = elements
            self._pack_right()
        else:
            self._put_between(number, elements)

    def _put_between(self, number: int, elements: list[bytes]) -> None:
        """Replace the elements of a chunk: split it if there are too many, merge it with the next if there are few."""
        between, most = self._between, chunk_elements()
        self._inner += len(elements) - len(between[number])
        if len(elements) < most // 4 and number + 1 < len(between):
            elements = [*elements, *between[number + 1]]
            del between[number + 1]
        chunks = cut(elements) if len(elements) > 2 * most else pack(elements)
        if not chunks:
            del between[number]
            return
        between[number] = chunks[0]
        for chunk in reversed(chunks[1:]):
            between.insert(number + 1, chunk)
        for at in range(number, number + len(chunks)):
            self._compress(at)

    def _compress(self, number: int) -> None:
        """Compress a chunk, unless it is nearer to an end than C{list-compress-depth}. The ends count as nodes."""
        depth, between = LIMITS.list_compress_depth, self._between
        if depth and depth - 1 <= number <= len(between) - depth:
            between[number] = compressed(between[number])

    # Collection

    def size(self) -> int:
        """Estimate its memory in bytes, from the first elements of each end and the first chunks."""
        between = self._between
        sample = list(map(chunk_size, islice(between, SAMPLE)))
        inner = sum(sample) * len(between) // max(1, len(sample))
        return OBJECT_BYTES + chunk_size(self._left) + inner + chunk_size(self._right)

    def copy(self) -> RedisList:
        other = RedisList()
        other._left, other._right = self._left[:], self._right[:]
        other._between, other._inner = deque(self._between) if self._between else _NONE, self._inner
        return other

    def release(self, most: int) -> bool:
        while self._between and most > 0:
            most -= len(self._take_right())
        if not self._between:
            self.clear()
        return bool(self._between)


def _without(elements: list[bytes], element: bytes, most: int, backwards: bool) -> list[bytes]:
    """The elements without C{most} occurrences of one, from either side."""
    if elements.count(element) <= most:
        return [one for one in elements if one != element]
    if backwards:
        elements.reverse()
    for _ in range(most):
        elements.remove(element)
    if backwards:
        elements.reverse()
    return elements

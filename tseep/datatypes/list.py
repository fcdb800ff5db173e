"""Lists: elements in an order, to which one adds at both ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from marshal import dumps, loads
from typing import Union

from tseep.datatypes.collection import Collection
from tseep.datatypes.memory import allocated, of_bytes

CHUNK_ELEMENTS = 128
"""Elements of a chunk that comes from an end. After changes in the middle it has L{MIN_CHUNK_ELEMENTS} or more."""

MAX_CHUNK_ELEMENTS = 2 * CHUNK_ELEMENTS
"""Most elements of a chunk, and of an end, which then splits off a chunk: so alternating pushes and pops are cheap."""

MIN_CHUNK_ELEMENTS = CHUNK_ELEMENTS // 4
"""A chunk with fewer elements is merged with the next one."""

MAX_PACKED_BYTES = 1 << 14
"""Elements that are longer together are not packed: that would save little, and take long."""

SAMPLE = 5
"""Elements, or chunks, that are measured in place of all."""

OBJECT_BYTES = 64 + 2 * 72
"""Bytes of an empty list: its own, and those of its ends."""

PACKED_BYTES = 48 + 33 + 8
"""Bytes of packed elements, beside themselves: the object's own, those of its C{bytes}, and its place."""

MARSHAL_VERSION = 2
"""The version of L{marshal}'s format that does not look for what is there twice, which takes five times as long."""


class Packed:
    """
    Elements in one C{bytes}, with five bytes to each, where one that is an object takes some fifty. They never change.

    L{marshal} does it ten times as quickly as anything written in Python. That its format is its own is no matter,
    since what it makes stays in this process.
    """

    __slots__ = ("_content", "_count")

    def __init__(self, elements: list[bytes]) -> None:
        self._content = bytes(
            memoryview(dumps(elements, MARSHAL_VERSION))
        )  # which has room to spare, that would be lost
        self._count = len(elements)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> bytes:
        return self._elements()[place]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._elements())

    def __contains__(self, element: bytes) -> bool:
        return element in self._content and element in self._elements()  # what is nowhere in it is seen quickly

    def size(self) -> int:
        """Bytes that it takes."""
        return PACKED_BYTES + allocated(len(self._content))

    def _elements(self) -> list[bytes]:
        elements: list[bytes] = loads(self._content)
        return elements


Chunk = Union[tuple[bytes, ...], Packed]
Part = Union[Chunk, list[bytes]]
"""A chunk, or the elements of an end."""

_NONE: deque[Chunk] = deque(maxlen=0)
"""The chunks of every list that has none, as an empty C{deque} of its own would take more than a short list."""


class RedisList(Collection):
    """
    The elements of a list: a plain C{list} at each end, the left one backwards, and chunks between them.

    An end costs O(1), as it is that of a C{list}; a place in the middle a step for each chunk from the nearer end on.
    Chunks have numbers from 0 on; the left end is number -1, the right end the one after the last. An end that is
    empty gets the chunk beside it when an element is wanted from it.
    """

    __slots__ = ("_between", "_inner", "_left", "_right")

    type_name = b"list"

    def __init__(self, elements: Sequence[bytes] = ()) -> None:
        self.clear()
        self.extend(elements)

    def clear(self) -> None:
        """Remove all elements."""
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

    # At the ends

    def append(self, element: bytes) -> None:
        """Add an element at the right."""
        right = self._right
        right.append(element)
        if len(right) >= MAX_CHUNK_ELEMENTS:
            self._pack_right()

    def appendleft(self, element: bytes) -> None:
        """Add an element at the left."""
        left = self._left
        left.append(element)
        if len(left) >= MAX_CHUNK_ELEMENTS:
            self._pack_left()

    def extend(self, elements: Sequence[bytes]) -> None:
        """Add elements at the right, one after the other."""
        self._right += elements
        self._pack_right()

    def extendleft(self, elements: Sequence[bytes]) -> None:
        """Add elements at the left, one after the other, so that the last of them is the first then."""
        self._left += elements
        self._pack_left()

    def pop(self) -> bytes:
        """Remove the last element of a list that is not empty, and return it."""
        if not self._right:
            if not self._between:
                return self._left.pop(0)  # one of few, so that this is quick too
            self._right = list(self._take_right())
        return self._right.pop()

    def popleft(self) -> bytes:
        """Remove the first element of a list that is not empty, and return it."""
        if not self._left:
            if not self._between:
                return self._right.pop(0)
            self._left = list(self._take_left())[::-1]
        return self._left.pop()

    def trim(self, first: int, last: int) -> None:
        """Remove what is not between two places; everything, if the first is not before the second."""
        if first > last:
            self.clear()
        else:
            self._cut_right(len(self) - 1 - last)
            self._cut_left(first)

    def _pack_right(self) -> None:
        """Let the right end have fewer than L{MAX_CHUNK_ELEMENTS} elements."""
        right = self._right
        surplus = len(right) // CHUNK_ELEMENTS * CHUNK_ELEMENTS - CHUNK_ELEMENTS
        if surplus > 0:
            between = self._between = self._between or deque()
            for at in range(0, surplus, CHUNK_ELEMENTS):
                between.append(_pack(right[at : at + CHUNK_ELEMENTS]))
            self._inner += surplus
            del right[:surplus]

    def _pack_left(self) -> None:
        """Let the left end have fewer than L{MAX_CHUNK_ELEMENTS} elements."""
        left = self._left
        surplus = len(left) // CHUNK_ELEMENTS * CHUNK_ELEMENTS - CHUNK_ELEMENTS
        if surplus > 0:
            between = self._between = self._between or deque()
            for at in range(0, surplus, CHUNK_ELEMENTS):
                between.appendleft(_pack(left[at : at + CHUNK_ELEMENTS][::-1]))
            self._inner += surplus
            del left[:surplus]

    def _take_right(self) -> Part:
        """Remove what comes before the right end: the last chunk, or the left end."""
        if self._between:
            chunk = self._between.pop()
            self._inner -= len(chunk)
            return chunk
        taken, self._left = self._left[::-1], []
        return taken

    def _take_left(self) -> Part:
        """Remove what comes after the left end: the first chunk, or the right end."""
        if self._between:
            chunk = self._between.popleft()
            self._inner -= len(chunk)
            return chunk
        taken, self._right = self._right, []
        return taken

    def _cut_right(self, count: int) -> None:
        """Remove elements at the right, not all."""
        last: Part = self._right
        self._right = []
        while count >= len(last):
            count -= len(last)
            last = self._take_right()
        self._right = list(last)[: len(last) - count]

    def _cut_left(self, count: int) -> None:
        """Remove elements at the left, not all."""
        first: Part = self._left[::-1]
        self._left = []
        while count >= len(first):
            count -= len(first)
            first = self._take_left()
        self._left = list(first)[count:][::-1]

    # Anywhere

    def __getitem__(self, place: int) -> bytes:
        """The element at a place, counted from the end if it is negative."""
        number, at = self._find(place)
        if number < 0:
            return self._left[~at]
        return self._right[at] if number == len(self._between) else self._between[number][at]

    def __setitem__(self, place: int, element: bytes) -> None:
        """Put another element at a place, counted from the end if it is negative."""
        number, at = self._find(place)
        if number < 0:
            self._left[~at] = element
        elif number == len(self._between):
            self._right[at] = element
        else:
            elements = list(self._between[number])
            elements[at] = element
            self._between[number] = _pack(elements)

    def insert(self, place: int, element: bytes) -> None:
        """Add an element before the one that is at a place, or at the right if that is the end."""
        if place == len(self):
            return self.append(element)
        number, at = self._find(place)
        elements = self._elements(number)
        elements.insert(at, element)
        return self._put(number, elements)

    def span(self, first: int, last: int) -> list[bytes]:
        """The elements from one place to another, which is not before it."""
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
        Where an element is.

        @param most: look at no more elements than so many.
        @param backwards: whether to begin at the right.
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
        Remove an element wherever it is, but not more than C{most} times.

        @param backwards: whether to begin at the right.
        @return: how many times.
        """
        left, changed = most, []
        for number, chunk in self._chunks(backwards):
            if not left:
                break
            if element in chunk:
                elements = _without(list(chunk), element, left, backwards)
                left -= len(chunk) - len(elements)
                changed.append((number, elements))
        for number, elements in sorted(changed, reverse=True):  # from the right, as the numbers beyond may change
            self._put(number, elements)
        return most - left

    def _find(self, place: int) -> tuple[int, int]:
        """The number of the chunk in which a place is, and where in it."""
        size, left = len(self), len(self._left)
        if place < 0:
            place += size
        if place < left:
            return -1, place
        if place >= left + self._inner:
            return len(self._between), place - left - self._inner
        return self._find_between(place - left)

    def _find_between(self, place: int) -> tuple[int, int]:
        """The same for the place after so many in the chunks, from their nearer end."""
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
        """Both ends and what is between them, with their numbers."""
        count, left = len(self._between), self._left[::-1]
        if backwards:
            return zip(range(count, -2, -1), chain([self._right], reversed(self._between), [left]))
        return zip(range(-1, count + 1), chain([left], self._between, [self._right]))

    def _elements(self, number: int) -> list[bytes]:
        """The elements of an end or a chunk, to be changed."""
        if number < 0:
            return self._left[::-1]
        return list(self._right if number == len(self._between) else self._between[number])

    def _put(self, number: int, elements: list[bytes]) -> None:
        """Let an end or a chunk have these elements."""
        if number < 0:
            self._left = elements[::-1]
            self._pack_left()
        elif number == len(self._between):
            self._right = elements
            self._pack_right()
        else:
            self._put_between(number, elements)

    def _put_between(self, number: int, elements: list[bytes]) -> None:
        """Let a chunk have these elements. Too many are divided, few joined with the next chunk's, and none is none."""
        between = self._between
        before = len(between[number])
        del between[number]
        if len(elements) < MIN_CHUNK_ELEMENTS and number < len(between):
            before += len(between[number])
            elements = [*elements, *between[number]]
            del between[number]
        self._inner += len(elements) - before
        half = len(elements) // 2 if len(elements) > MAX_CHUNK_ELEMENTS else 0
        for part in (elements[half:], elements[:half]):
            if part:
                between.insert(number, _pack(part))

    # As every collection

    def encoding(self) -> bytes:
        """C{quicklist}, as Redis 7.0 has nothing else."""
        return b"quicklist"

    def size(self) -> int:
        """Estimate the bytes that it takes, from the first few elements of each end and the first few chunks."""
        between = self._between
        sample = list(map(_size, islice(between, SAMPLE)))
        inner = sum(sample) * len(between) // max(1, len(sample))
        return OBJECT_BYTES + _size(self._left) + inner + _size(self._right)

    def copy(self) -> RedisList:
        """Another one with the same elements."""
        other = RedisList()
        other._left, other._right = self._left[:], self._right[:]
        other._between, other._inner = deque(self._between) if self._between else _NONE, self._inner
        return other

    def release(self, most: int) -> bool:
        """Give back some C{most} elements; return whether there are more."""
        while self._between and most > 0:
            most -= len(self._take_right())
        if not self._between:
            self.clear()
        return bool(self._between)


def _pack(elements: list[bytes]) -> Chunk:
    """A chunk of these elements, packed if they are short."""
    return Packed(elements) if sum(map(len, elements)) <= MAX_PACKED_BYTES else tuple(elements)


def _without(elements: list[bytes], element: bytes, most: int, backwards: bool) -> list[bytes]:
    """The elements but for C{most} that are equal to one."""
    if elements.count(element) <= most:
        return [one for one in elements if one != element]
    if backwards:
        elements.reverse()
    for _ in range(most):
        elements.remove(element)
    if backwards:
        elements.reverse()
    return elements


def _size(chunk: Part) -> int:
    """Estimate the bytes that an end or a chunk takes, from its first few elements."""
    if isinstance(chunk, Packed):
        return chunk.size()
    sample = list(map(of_bytes, chunk[:SAMPLE]))
    return 8 * len(chunk) + sum(sample) * len(chunk) // max(1, len(sample))

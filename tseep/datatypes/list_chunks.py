"""The chunks between the ends of a list: packed, compressed, or plain where the elements are large."""

from __future__ import annotations

from collections.abc import Iterator
from marshal import dumps, loads
from typing import Union
from zlib import compress, decompress

from tseep.datatypes.limits import LIMITS
from tseep.datatypes.memory import allocated, of_bytes

CHUNK_ELEMENTS = 128
"""Maximum number of elements of a new chunk. Each end of a list has as many or more beside it."""

MIN_SAVED_BYTES = 8
"""A chunk is compressed only if this makes it smaller by so many bytes (Redis's MIN_COMPRESS_IMPROVE)."""

SAMPLE = 5
"""Number of elements, and of chunks, that the memory estimate measures."""

PACKED_BYTES = 48 + 33 + 8
"""Overhead in bytes of a L{Packed}: the object, the header of its C{bytes}, and its entry in the list of chunks."""

MARSHAL_VERSION = 2
"""The version of L{marshal}'s format that does not deduplicate objects, which would take five times as long."""


class Packed:
    """
    Immutable elements in one C{bytes}, with an overhead of five bytes each; an object has some fifty.

    L{marshal} is ten times as fast as an encoding written in Python. Its format depends on the version of Python, which
    does not matter as the data stay in this process.
    """

    __slots__ = ("_content", "_count")

    def __init__(self, elements: list[bytes]) -> None:
        self._content = bytes(memoryview(dumps(elements, MARSHAL_VERSION)))  # a copy without spare capacity
        self._count = len(elements)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> bytes:
        return self._elements()[place]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._elements())

    def __contains__(self, element: bytes) -> bool:
        return element in self._content and element in self._elements()  # the first test is fast, and mostly false

    def size(self) -> int:
        return PACKED_BYTES + allocated(len(self._content))

    def _elements(self) -> list[bytes]:
        elements: list[bytes] = loads(self._content)
        return elements


class Compressed(Packed):
    """Packed elements, compressed."""

    __slots__ = ()

    def __init__(self, packed: Packed) -> None:
        self._content = compress(packed._content, 1)
        self._count = packed._count

    def __contains__(self, element: bytes) -> bool:
        return element in self._elements()

    def _elements(self) -> list[bytes]:
        elements: list[bytes] = loads(decompress(self._content))
        return elements


Chunk = Union[tuple[bytes, ...], Packed]


def chunk_elements() -> int:
    """The maximum number of elements of a new chunk: a positive C{list-max-listpack-size}, at most CHUNK_ELEMENTS."""
    size = LIMITS.list_max_listpack_size
    return CHUNK_ELEMENTS if size < 0 else min(max(1, size), CHUNK_ELEMENTS)


def _packed_bytes() -> int:
    """The maximum total bytes of packed elements: 4 to 64 KiB for a C{list-max-listpack-size} of -1 to -5."""
    size = LIMITS.list_max_listpack_size
    return 4096 << (min(-size, 5) - 1) if size < 0 else 8192


def cut(elements: list[bytes]) -> list[Chunk]:
    """Return new chunks of these elements."""
    most = chunk_elements()
    return [chunk for at in range(0, len(elements), most) for chunk in pack(elements[at : at + most])]


def pack(elements: list[bytes]) -> list[Chunk]:
    """
    Return one chunk of these elements; two if they are packed so, and too large for one; none of no elements.

    Large elements are not packed, as this saves little memory and is slow.
    """
    most, size, half = _packed_bytes(), sum(map(len, elements)), len(elements) // 2
    parts = [elements[:half], elements[half:]] if most < size <= 2 * most else [elements]
    return [Packed(part) if sum(map(len, part)) <= most else tuple(part) for part in parts if part]


def compressed(chunk: Chunk) -> Chunk:
    """Return a chunk of the same elements, which is compressed if this makes it smaller."""
    if isinstance(chunk, Compressed):
        return chunk
    smaller = Compressed(chunk if isinstance(chunk, Packed) else Packed(list(chunk)))
    return smaller if smaller.size() + MIN_SAVED_BYTES <= chunk_size(chunk) else chunk


def chunk_size(chunk: Union[Chunk, list[bytes]]) -> int:
    """Estimate the bytes of an end or a chunk, from its first elements."""
    if isinstance(chunk, Packed):
        return chunk.size()
    sample = list(map(of_bytes, chunk[:SAMPLE]))
    return 8 * len(chunk) + sum(sample) * len(chunk) // max(1, len(sample))

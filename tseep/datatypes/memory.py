"""
How much memory a key takes: an estimate, made of the sizes that CPython's objects have on 64 bits.

Dictionaries and lists tell on CPython what they take; PyPy's objects cannot tell. The constants were measured with
C{sys.getsizeof} on CPython 3.9 to 3.13, which agree but for single bytes.
"""

from __future__ import annotations

import platform
import sys
from typing import Any

from tseep.datatypes.collection import Collection

_on_pypy = platform.python_implementation() == "PyPy"

ENTRY_BYTES = 42
"""Of a dictionary, per entry: from 27 just before it grows to 60 just after, on average 41.4."""

BYTES_HEADER = 33
"""Of a C{bytes}, beside its content."""

BYTEARRAY_HEADER = 56
"""Of a C{bytearray}, beside its buffer."""

EXPIRY_BYTES = ENTRY_BYTES + 32 + 50
"""Of a time to expire: its entry, its number, and a place in its slot, which is a set's average of 50."""


def allocated(size: int) -> int:
    """What the allocator gives for C{size} bytes: a multiple of 16."""
    return (size + 15) & ~15


def of_bytes(value: bytes) -> int:
    """Bytes that a C{bytes} takes."""
    return allocated(BYTES_HEADER + len(value))


def of_bytearray(value: bytearray) -> int:
    """Bytes that a C{bytearray} takes. Its buffer gets an eighth to spare when it grows, so half of that."""
    return BYTEARRAY_HEADER + allocated(1 + len(value) + len(value) // 16)


def of_dict(entries: dict[Any, Any]) -> int:
    """Bytes that a dictionary takes, beside what is in it: on CPython what it says itself."""
    return 64 + ENTRY_BYTES * len(entries) if _on_pypy else sys.getsizeof(entries)


def of_list(items: list[Any]) -> int:
    """Bytes that a list takes, beside what is in it."""
    return 64 + 9 * len(items) if _on_pypy else sys.getsizeof(items)


def size_of_key(key: bytes, value: bytes | bytearray | Collection) -> int:
    """Estimate what a key and its value take, without the entries that hold them."""
    return of_bytes(key) + of_value(value)


def of_value(value: bytes | bytearray | Collection) -> int:
    """Bytes that a value takes, content and all."""
    if isinstance(value, Collection):
        return value.size()
    return of_bytearray(value) if isinstance(value, bytearray) else of_bytes(value)


def size(key: bytes, value: bytes | bytearray | Collection, volatile: bool = False) -> int:
    """
    Estimate what a key and its value take, together with the entries that hold them.

    @param volatile: whether the key has a time to expire.
    @return: bytes.
    """
    entries = 2 * ENTRY_BYTES  # of the value and of the last use, whose number many keys share
    if volatile:
        entries += EXPIRY_BYTES
    return size_of_key(key, value) + entries

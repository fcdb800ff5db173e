"""
The memory estimate of keys and values, in bytes, from the sizes of CPython's objects on 64-bit systems.

C{sys.getsizeof} gives the sizes of dictionaries and lists on CPython; PyPy has no such function. The constants were
measured with it on CPython 3.9 to 3.13, which differ by single bytes.
"""

from __future__ import annotations

import platform
import sys
from typing import Any

from tseep.datatypes.collection import Collection

_on_pypy = platform.python_implementation() == "PyPy"

ENTRY_BYTES = 42
"""Bytes of a dictionary per entry: from 27 before it grows to 60 after, 41.4 on average."""

BYTES_HEADER = 33
"""Overhead of a C{bytes} in bytes."""

BYTEARRAY_HEADER = 56
"""Bytes of a C{bytearray} without its buffer."""

EXPIRY_BYTES = ENTRY_BYTES + 32 + 50
"""Bytes of an expiry time: its dictionary entry, an int, and an entry of the slot's set, 50 on average."""


def allocated(size: int) -> int:
    """The bytes that are allocated for C{size} bytes: a multiple of 16."""
    return (size + 15) & ~15


def of_bytes(value: bytes) -> int:
    return allocated(BYTES_HEADER + len(value))


def of_bytearray(value: bytearray) -> int:
    """Bytes of a C{bytearray}. Its buffer grows by an eighth more than needed, of which half is counted."""
    return BYTEARRAY_HEADER + allocated(1 + len(value) + len(value) // 16)


def of_dict(entries: dict[Any, Any]) -> int:
    """Bytes of a dictionary without its keys and values."""
    return 64 + ENTRY_BYTES * len(entries) if _on_pypy else sys.getsizeof(entries)


def of_list(items: list[Any]) -> int:
    """Bytes of a list without its items."""
    return 64 + 9 * len(items) if _on_pypy else sys.getsizeof(items)


def size_of_key(key: bytes, value: bytes | bytearray | Collection) -> int:
    """Estimate the bytes of a key and its value, without their entries in the database's dictionaries."""
    return of_bytes(key) + of_value(value)


def of_value(value: bytes | bytearray | Collection) -> int:
    """Estimate the bytes of a value with its content."""
    if isinstance(value, Collection):
        return value.size()
    return of_bytearray(value) if isinstance(value, bytearray) else of_bytes(value)


def size(key: bytes, value: bytes | bytearray | Collection, volatile: bool = False) -> int:
    """
    Estimate the bytes of a key and its value, with their entries in the database's dictionaries (MEMORY USAGE).

    @param volatile: True if the key has an expiry.
    """
    entries = 2 * ENTRY_BYTES  # for the value, and for the access time, whose int many keys share
    if volatile:
        entries += EXPIRY_BYTES
    return size_of_key(key, value) + entries

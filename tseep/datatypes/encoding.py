"""OBJECT ENCODING and OBJECT REFCOUNT: what they would reply in Redis (redis/src/object.c)."""

from __future__ import annotations

from typing import Any

from tseep.algorithms.numeric import integer
from tseep.datatypes.collection import Collection

MAX_EMBSTR_BYTES = 44
"""Maximum bytes of a string that Redis allocates together with its header (OBJ_ENCODING_EMBSTR_SIZE_LIMIT)."""

SHARED_INTEGERS = 10_000
"""Number of integers from 0 that Redis shares between all keys (OBJ_SHARED_INTEGERS)."""

SHARED_REFERENCES = 2**31 - 1
"""The reference count of objects that are shared and never freed (OBJ_SHARED_REFCOUNT)."""


def _of_bytes(value: bytes) -> bytes:
    if len(value) <= MAX_EMBSTR_BYTES:
        return b"embstr" if integer(value) is None else b"int"
    return b"raw"


def encoding(value: bytes | bytearray | Collection) -> bytes:
    """The reply of OBJECT ENCODING for a value."""
    if isinstance(value, Collection):
        return value.encoding
    return b"raw" if isinstance(value, bytearray) else _of_bytes(value)


def references(value: Any, shares: bool) -> int:
    """
    The reply of OBJECT REFCOUNT: 1, unless the value is a shared integer.

    @param shares: False if integers are not shared, as each needs an access time of its own.
    """
    number = integer(value) if shares and type(value) is bytes else None
    return 1 if number is None or not 0 <= number < SHARED_INTEGERS else SHARED_REFERENCES
